"""Two trainings, predictions of a third net and reads of the statistics of memory, in threads at once.

    python tests/slow/threads.py STEPS

For ThreadSanitizer; the bits of such trainings are those of bits.py.
"""

import sys
import threading

import numpy as np

import tinydl as td


def train(seed, steps):
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


def predict(predictor, steps):
    x = np.ones((3, 1, 28, 28), np.float32)
    for _ in range(steps):
        predictor(x)
        td.memory_stats()


def main(steps):
    failed = []

    def guarded(function, *given):
        try:
            function(*given)
        except Exception as error:
            failed.append(error)

    predictor = td.freeze(td.models.lenet5().eval())
    threads = [threading.Thread(target=guarded, args=call) for call in (
        (train, 1, steps), (train, 2, steps), (predict, predictor, steps), (predict, predictor, steps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    print(f"{len(threads)} threads of {steps} steps")


if __name__ == "__main__":
    main(int(sys.argv[1]))
