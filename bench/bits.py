"""The bits of training: a hash of weights and buffers after five steps, and of what the frozen net predicts.

    python bench/bits.py                            # every named net and algorithm, at the level in use
    TINYDL_ISA=v3 python bench/bits.py > before     # then change the core, and compare

A refactoring must leave every line as it was, at every level and for any number of threads.
"""

import argparse
import hashlib
import warnings

import numpy as np

import tinydl as td

NETS = {"mlp": (1, 28, 28), "lenet5": (1, 28, 28), "mnist_cnn": (1, 28, 28), "vgg_small": (3, 32, 32),
        "resnet20": (3, 32, 32), "resnet29_bottleneck": (3, 32, 32), "airbench": (3, 32, 32), "m5": (1, 8000), "ds_cnn": (1, 49, 10), "odd": (6, 13, 11),
        "odd1d": (5, 61)}
BATCH = 17


def odd():
    """Layers that the named nets lack: groups, strides, dilation, odd channels, depthwise, transposed, other pools."""
    nn = td.nn
    return nn.Sequential(
        nn.Conv2d(6, 9, 3, stride=2, padding=1, groups=3), nn.BatchNorm2d(9), nn.GELU(), nn.Conv2d(9, 9, 3, groups=9),
        nn.ELU(), nn.ConvTranspose2d(9, 7, 3, stride=2), nn.Tanh(), nn.AvgPool2d(2, ceil_mode=True),
        nn.Conv2d(7, 18, 3, padding="same", dilation=2), nn.BatchNorm2d(18), nn.Sigmoid(),
        nn.Conv2d(18, 35, (1, 2)), nn.LeakyReLU(0.1), nn.MaxPool2d(3, stride=2, padding=1),
        nn.AdaptiveAvgPool2d((2, 1)), nn.Flatten(), nn.LayerNorm(70), nn.Dropout(0.25), nn.Linear(70, 10))


def odd1d():
    """The same for signals, with a residual sum of the user's own."""
    nn = td.nn

    class Net(nn.Module):
        def __init__(self):
            self.first, self.norm = nn.Conv1d(5, 12, 5, stride=2, padding=3), nn.BatchNorm1d(12)
            self.second, self.last = nn.Conv1d(12, 12, 3, padding=1), nn.Linear(24, 10)

        def forward(self, x):
            x = td.ops.relu(self.norm(self.first(x)))
            x = td.ops.relu(td.ops.add(x, self.second(x)))
            return self.last(td.ops.adaptive_max_pool1d(x, 2).flatten(1))

    return Net()


def digest(arrays):
    """The first 16 hexadecimal digits of the SHA-256 of arrays in logical order."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:16]


def run(name, algorithm, steps=5):
    """Hashes of weights and buffers after `steps` steps, and of a frozen prediction."""
    rng = np.random.default_rng(0)
    with td.conv_algorithm(algorithm):
        td.manual_seed(0)
        net = {"odd": odd, "odd1d": odd1d}.get(name) or getattr(td.models, name)
        net = net()
        optimizer = td.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
        loss = td.nn.CrossEntropyLoss()
        for _ in range(steps):
            x = rng.standard_normal((BATCH, *NETS[name])).astype(np.float32)
            optimizer.zero_grad()
            loss(net(x), rng.integers(0, 10, BATCH)).backward()
            optimizer.step()
        net.eval()
        with td.no_grad():
            evaluated = net(x).numpy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what of the odd nets is computed by the ordinary path
            frozen = td.freeze(net)(x)
    return digest(net.state_dict().values()), digest([evaluated]), digest([frozen])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", default=",".join(NETS), help="comma-separated names")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    td.set_num_threads(arguments.threads)
    for name in arguments.nets.split(","):
        for algorithm in ("auto", "direct"):
            print(f"{name:<20} {algorithm:<7} {' '.join(run(name, algorithm))}", flush=True)


if __name__ == "__main__":
    main()
