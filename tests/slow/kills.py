"""Trains a small net again and again, is killed at random times, goes on, and must end with the bits of one go.

    python tests/slow/kills.py 1000

Each attempt is a fork of this process, which has trained nothing. It has one, two or three threads, and is ended by
SIGKILL, SIGTERM or SIGINT after a random part of the time that a whole run takes.
"""

import os
import random
import signal
import sys
import tempfile
import time
import traceback

import numpy as np

import tinydl as td
from tinydl.data import ArrayDataset
from tinydl.train import Checkpoint, EarlyStopping, Trainer, load_checkpoint

TIMES = ("seconds", "images_per_s")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
ENDED = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 143, 130}  # of an attempt that a signal ended


def data(n, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 255, (n, 1, 6, 6)).astype(np.uint8)
    return ArrayDataset(images, (images.mean((1, 2, 3)) // 16 % 3).astype(int), class_names=["a", "b", "c"])


TRAIN, VALIDATION = data(70, 0), data(30, 1)


def train(path):
    """All of it, from the checkpoint if there is one: norm, dropout, augmentation, momentum, a schedule, a callback."""
    td.manual_seed(11)
    net = td.nn.Sequential(td.nn.Conv2d(1, 8, 3, padding=1), td.nn.BatchNorm2d(8), td.nn.ReLU(), td.nn.MaxPool2d(2),
                           td.nn.Dropout(0.3), td.nn.Flatten(), td.nn.Linear(72, 3))
    optimiser = td.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    trainer = Trainer(net, optimiser, scheduler=td.optim.OneCycleLR(optimiser, 0.05, total_steps=6 * 5), seed=3,
                      callbacks=[EarlyStopping(patience=9), Checkpoint(path)])
    if os.path.exists(path):
        trainer.load(path)
    trainer.fit(TRAIN, VALIDATION, epochs=6, batch_size=16, progress=False, augment=td.data.Augment(shift=1))


def plain(value):
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in TIMES}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def attempt(path, n_threads, wait=None, number=None):
    """Exit code of a process that trains; `number` is sent to it after `wait` seconds."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS[1:])
    process = os.fork()
    if process == 0:
        code = 1
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS[1:])
            td.set_num_threads(n_threads)
            train(path)
            code = 0
        except KeyboardInterrupt:
            code = 130
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS[1:])
    if number is not None:
        time.sleep(wait)
        os.kill(process, number)  # it is there until it is waited for, if only as a zombie
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def main(kills):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored in what it runs behind
    rng, hit, runs, wrong = random.Random(0), dict.fromkeys(SIGNALS, 0), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "whole.safetensors")
        durations = []
        for _ in range(3):
            begin = time.monotonic()
            assert attempt(path, 1) == 0
            durations.append(time.monotonic() - begin)
            expected = plain(load_checkpoint(path))
            os.unlink(path)
        duration = min(durations)
        while sum(hit.values()) < kills:
            path, runs, code = os.path.join(folder, f"{runs}.safetensors"), runs + 1, None
            while code != 0:
                number = rng.choice(SIGNALS)
                code = attempt(path, rng.choice((1, 1, 2, 3)), rng.uniform(0, duration), number)
                hit[number] += code != 0
                if code not in ENDED | {0}:
                    wrong += 1
                    print(f"run {runs}: exit code {code} after {number.name}")
                if os.path.exists(path):
                    load_checkpoint(path)  # whole at any time
            if plain(load_checkpoint(path)) != expected:
                wrong += 1
                print(f"run {runs}: other bits")
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))
            if runs % 100 == 0:
                print(f"{sum(hit.values())} kills of {runs} runs, {wrong} wrong", flush=True)
    print(f"{sum(hit.values())} kills of {runs} runs:", *(f"{n.name} {k}," for n, k in hit.items()), f"{wrong} wrong")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
