"""A training step and a prediction in which memory runs out at the first request, at the second, until none is left.

    python tests/slow/allocations.py pool|all STEP       # of the core's pool, or any of 70 kB or more; every STEP-th

The right answer is a MemoryError, with weights and the state of the optimiser as before it; a step that is tried again
from there, its running statistics and random numbers set back, has the bits of one that did not fail. Needs glibc and a
C compiler.
"""

import copy
import ctypes
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PRELOADED = "TINYDL_FAILING"
LARGE = 70_000  # bytes from which on requests of NumPy count: beyond its own buffers, at whose lack it dies itself


def preload():
    """Start again with the allocator of failing.c in the place of the C library's."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "failing.so")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", str(Path(__file__).with_name("failing.c")), "-o",
                        str(library)], check=True)
        environment = os.environ | {"LD_PRELOAD": str(library), PRELOADED: "1"}
        return subprocess.run([sys.executable, __file__, *sys.argv[1:]], env=environment, check=False).returncode


def main(which, stride):
    import numpy as np

    import tinydl as td
    from tinydl import nn

    fail_after = ctypes.CDLL(None).fail_after
    fail_after.argtypes = ctypes.c_long, ctypes.c_size_t, ctypes.c_int
    left = ctypes.CDLL(None).requests_left
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((32, 3, 16, 16)).astype(np.float32), rng.integers(0, 5, 32)

    def made():
        td.manual_seed(1)
        net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.ResidualBlock(16, 16),
                            nn.MaxPool2d(2), nn.Conv2d(16, 16, 3, groups=16), nn.GELU(), nn.Dropout(0.3), nn.Flatten(),
                            nn.LayerNorm(576), nn.Linear(576, 5))
        return net, td.optim.Adam(net.parameters(), lr=1e-2)

    def step(net, optimiser):
        optimiser.zero_grad()
        loss = nn.CrossEntropyLoss()(net(x), labels)
        loss.backward()
        optimiser.step()

    def digest(state):
        found = hashlib.sha256()
        for name, value in sorted(state.items(), key=str):
            found.update(str(name).encode())
            found.update(np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else
                         digest(value).encode() if isinstance(value, dict) else str(value).encode())
        return found.hexdigest()

    def weights(net, optimiser):
        return digest({name: p.numpy() for name, p in net.named_parameters()}), digest(optimiser.state_dict()["state"])

    def attempt(k, call):
        """Whether the call ended in a MemoryError where only k requests succeed; None where it makes no more."""
        td.empty_cache()
        fail_after(k, 0 if which == "pool" else LARGE, which == "pool")
        try:
            call()
        except MemoryError:
            return True
        finally:
            unused = left()
            fail_after(-1, 0, 0)
        return None if unused > 0 else False

    def trained():
        net, optimiser = made()
        step(net, optimiser)
        state = net.state_dict(), optimiser.state_dict(), td.random.state()
        return net, optimiser, state

    net, optimiser, _ = trained()
    step(net, optimiser)
    right = weights(net, optimiser), digest(net.state_dict())
    wrong, failures, survived, k = [], 0, 0, 0
    while True:
        net, optimiser, state = trained()
        before = weights(net, optimiser)
        failed = attempt(k, lambda net=net, optimiser=optimiser: step(net, optimiser))
        if failed is None:
            break
        if failed:
            failures += 1
            if weights(net, optimiser) != before:
                wrong.append(f"request {k}: weights or optimiser changed")
            net.load_state_dict(state[0])
            td.random.set_state(state[2])
            step(net, optimiser)
        else:
            survived += 1  # whoever asked did without
        if (weights(net, optimiser), digest(net.state_dict())) != right:
            wrong.append(f"request {k}: other bits after it")
        k += stride
    net.eval()
    expected, k = td.freeze(copy.deepcopy(net))(x), 0
    while True:
        predictor = td.freeze(net)
        failed = attempt(k, lambda predictor=predictor: predictor(x))
        if failed is None:
            break
        failures, survived = failures + failed, survived + (not failed)
        if not np.array_equal(predictor(x), expected):
            wrong.append(f"request {k} of a predictor: other bits after it")
        k += stride
    print(*wrong, f"{failures} MemoryErrors, {survived} calls that could do without, {len(wrong)} wrong", sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])) if PRELOADED in os.environ else preload())
