"""How much memory a process takes: flat over steps, nets and failing calls, and given back after a large batch.

    python tests/slow/flat.py steps|nets|failures|batch N
"""

import gc
import os
import sys

import numpy as np

import tinydl as td

ALLOWED = 4 << 20   # bytes that N more rounds may add: what Python and the C library have in reserve


def resident():
    """Bytes of the process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def lenet():
    return td.models.lenet5(), td.nn.CrossEntropyLoss()


def stepper(net, loss_fn):
    optimiser = td.optim.Adam(net.parameters(), lr=1e-3)
    rng = np.random.default_rng(0)

    def step(n):
        optimiser.zero_grad()
        loss = loss_fn(net(rng.standard_normal((n, 1, 28, 28), dtype=np.float32)), rng.integers(0, 10, n))
        loss.backward()
        optimiser.step()
    return step


def steps():
    step = stepper(*lenet())
    return lambda k: step(1 + k % 8)


def nets():
    def one(k):
        net = (td.models.lenet5, td.models.digits_cnn, td.models.mlp)[k % 3]()
        shape = td.models.INPUT_SHAPES[("lenet5", "digits_cnn", "mlp")[k % 3]]
        x = np.zeros((2, *shape), np.float32)
        td.nn.CrossEntropyLoss()(net(x), np.array([0, 1])).backward()
        td.freeze(net.eval())(x)
    return one


def failures():
    """Calls that fail at every stage: arguments, shapes, in mid-net, in a backward pass, for want of memory."""
    net, loss_fn = lenet()
    x = np.zeros((4, 1, 28, 28), np.float32)

    class Fails(td.Function):
        @staticmethod
        def forward(ctx, x):
            return x.copy()

        @staticmethod
        def backward(ctx, dy):
            raise ZeroDivisionError

    calls = [lambda: net(x[:, :, :20]), lambda: net(np.zeros((4, 3, 28, 28), np.float32)),
             lambda: loss_fn(net(x), np.array([0, 1, 2, 10])), lambda: td.nn.Conv2d(1, 2, 0),
             lambda: Fails.apply(net(x)).sum().backward(), lambda: td.ops.add(net(x), np.zeros((3, 3))),
             lambda: td.ops.pad(td.tensor(x), (0, 2**44))]

    def one(k):
        try:
            calls[k % len(calls)]()
        except (ValueError, TypeError, IndexError, ZeroDivisionError, MemoryError):
            return
        raise AssertionError(f"call {k % len(calls)} did not fail")
    return one


def grown(make, n):
    """Bytes that `n` rounds add after the first tenth of them."""
    one = make()
    for k in range(max(50, n // 10)):
        one(k)
    gc.collect()
    before = resident()
    for k in range(n):
        one(k)
    gc.collect()
    return resident() - before


def after_a_batch(n):
    """(bytes that steps of 32 take, those that they take 100 steps after a batch of `n`), beyond the program's own."""
    td.nn.ReLU()(np.zeros(4, np.float32))
    empty = resident()
    step = stepper(*lenet())
    for _ in range(100):
        step(32)
    small = resident() - empty
    step(n)
    large = resident() - empty
    for _ in range(100):
        step(32)
    return small, large, resident() - empty


def main(what, n):
    if what == "batch":
        small, large, later = after_a_batch(n)
        print(f"steps of 32 take {small >> 20} MB, one of {n} {large >> 20} MB, 100 steps later {later >> 20} MB")
        return not later <= 1.5 * small
    more = grown({"steps": steps, "nets": nets, "failures": failures}[what], n)
    print(f"{n} {what} add {more >> 10} kB")
    return more > ALLOWED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
