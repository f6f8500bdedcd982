"""Trainings, predictions, the pool of memory, random numbers and settings, in threads at once.

    python tests/slow/threads.py STEPS [ROUNDS]

Each thread must get the bits that it gets alone, every number of the process's stream is drawn once, and no byte of the
pool is lost. ThreadSanitizer runs it too, and a Python without a global lock, where threads do meet.
"""

import gc
import hashlib
import sys
import sysconfig
import threading

import numpy as np

import tinydl as td
from tinydl._core import memory


def digest(arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def train(seed, steps):
    """A net with most kinds of layers."""
    with td.random.stream(seed):
        net = td.nn.Sequential(td.nn.Conv2d(1, 8, 3), td.nn.BatchNorm2d(8), td.nn.ReLU(), td.nn.MaxPool2d(2),
                               td.nn.Conv2d(8, 8, 3, groups=8), td.nn.GELU(), td.nn.Dropout(0.2), td.nn.Flatten(),
                               td.nn.LayerNorm(72), td.nn.Linear(72, 4))
        optimiser, loss_fn = td.optim.Adam(net.parameters()), td.nn.CrossEntropyLoss()
        rng = np.random.default_rng(seed)
        for k in range(steps):
            n = 1 + (3 * k + seed) % 8
            optimiser.zero_grad()
            loss = loss_fn(net(rng.standard_normal((n, 1, 12, 12), dtype=np.float32)), rng.integers(0, 4, n))
            loss.backward()
            optimiser.step()
    return digest(net.state_dict().values())


def predict(predictor, steps):
    """One frozen net for all threads, at more shapes than it keeps plans for."""
    x = np.random.default_rng(0).standard_normal((12, 1, 28, 28), dtype=np.float32)
    return digest([predictor(x[:1 + k % 12]) for k in range(steps)])


def evaluate(net, steps):
    """One net for all threads, by operations, and frozen anew."""
    x = np.random.default_rng(1).standard_normal((5, 1, 28, 28), dtype=np.float32)
    found = []
    for k in range(steps):
        with td.no_grad():
            found.append(net(td.tensor(x[:1 + k % 5])).numpy())
        if k % 10 == 0:
            found.append(td.freeze(net)(x))
    return digest(found)


def allocate(seed, steps):
    """Blocks of the pool of all sizes, each written whole and read again before it goes."""
    rng, held, total = np.random.default_rng(seed), [], 0
    for k in range(20 * steps):
        block = memory.empty((int(rng.integers(1, 1 << int(rng.integers(1, 18)))),), np.float32)
        block[...] = seed + k
        held.append((seed + k, block))
        if len(held) > 12:
            value, old = held.pop(int(rng.integers(len(held))))
            if not (old == np.float32(value)).all():
                raise AssertionError(f"a block of {old.size} numbers was written by another thread")
            total += old.size
    return total


def look(_, steps):
    """What is read and set for the whole process."""
    for k in range(steps):
        stats = td.memory_stats()
        if not 0 <= stats["in_use"] <= stats["peak"]:
            raise AssertionError(f"memory_stats: {stats}")
        if k % 5 == 0:
            td.empty_cache()
        td.set_num_threads(1 + k % 2)


def draw(_, steps):
    """Numbers of the stream that all threads share."""
    keys.extend([td.random.next_key() for _ in range(20 * steps)])


keys = []


def main(steps, rounds):
    off = sysconfig.get_config_var("Py_GIL_DISABLED") and not sys._is_gil_enabled()
    net = td.models.lenet5().eval()
    predictor = td.freeze(net)
    calls = [(train, 1), (predict, predictor), (allocate, 3), (evaluate, net), (look, None), (draw, None), (train, 2),
             (predict, predictor), (allocate, 4), (draw, None), (evaluate, net)]
    alone = [function(given, steps) for function, given in calls]
    in_use = None
    for _ in range(rounds):
        found, start = [None] * len(calls), threading.Barrier(len(calls))
        keys.clear()
        td.manual_seed(0)

        def work(k, found=found, start=start):
            function, given = calls[k]
            start.wait()
            try:
                found[k] = function(given, steps)
            except BaseException as error:
                found[k] = error

        threads = [threading.Thread(target=work, args=(k,)) for k in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for (function, _), got, expected in zip(calls, found, alone, strict=True):
            if isinstance(got, BaseException):
                raise got
            if got != expected:
                raise AssertionError(f"{function.__name__} in threads: {got}, alone {expected}")
        if sorted(keys) != list(range(40 * steps)):
            raise AssertionError(f"{len(keys)} numbers were drawn, {len(set(keys))} of them different")
        del threads
        gc.collect()
        held = td.memory_stats()["in_use"]
        if in_use is not None and held != in_use:
            raise AssertionError(f"{held} bytes of the pool are in use, {in_use} after the first round")
        in_use = held
    print(f"{rounds} rounds of {len(calls)} threads of {steps} steps, {'without' if off else 'under'} a global lock")


if __name__ == "__main__":
    main(*(int(word) for word in (*sys.argv[1:], "1")[:2]))
