"""Two trainings at once in threads of one process, for ThreadSanitizer (tools/sanitize.sh).

    python tests/slow/two_trainings.py
"""

import threading

import numpy as np

import tinydl as td
from tinydl.train import Trainer


def train(seed):
    with td.random.stream(seed):
        net = td.nn.Sequential(td.nn.Conv2d(1, 8, 3, padding=1), td.nn.BatchNorm2d(8), td.nn.ReLU(), td.nn.MaxPool2d(2),
                               td.nn.Conv2d(8, 8, 3), td.nn.ReLU(), td.nn.Dropout(0.3), td.nn.Flatten(),
                               td.nn.Linear(32, 3))
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((60, 1, 8, 8)).astype(np.float32), np.arange(60) % 3
    trainer = Trainer(net, td.optim.Adam(net.parameters(), lr=0.01), seed=seed)
    trainer.fit(data, epochs=2, batch_size=8, progress=False, augment=td.data.Augment(1))


def main():
    td.set_num_threads(2)
    threads = [threading.Thread(target=train, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
