"""Files of published data sets, small and whole, and their readers with the other files that these need."""

import gzip
import io
import json
import os
import zipfile

import numpy as np
from whole_files import beside, idx, in_tar, made

from tinydl.data import load_mnist, load_svhn
from tinydl.data.keywords import COUNTS, SOUNDS
from tinydl.data.sets.cifar10 import load_cifar10
from tinydl.data.sets.emnist_digits import load_emnist_digits
from tinydl.data.sets.speech_commands_12 import load_speech_commands

RECORD = bytes([3]) + bytes(range(256)) * 12
CIFAR10 = in_tar({"c/data_batch_1.bin": RECORD, "c/test_batch.bin": RECORD})
CIFAR100 = in_tar({"train.bin": b"\1" + RECORD, "test.bin": b"\1" + RECORD})
IDX = idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
GREY, DIGITS = idx(np.zeros((10, 28, 28), np.uint8)), idx(np.arange(10, dtype=np.uint8))


def emnist():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for part in ("train", "test"):
            for kind, content in (("images-idx3", GREY), ("labels-idx1", DIGITS)):
                archive.writestr(f"gzip/emnist-digits-{part}-{kind}-ubyte.gz", gzip.compress(content))
    return file.getvalue()


def emnist_folder(path):
    load_emnist_digits(os.path.dirname(path))


def mnist(path):
    beside(path, "train-images-idx3-ubyte", GREY)
    for name, content in (("images-idx3", GREY), ("labels-idx1", DIGITS)):
        beside(path, f"t10k-{name}-ubyte", content)
    load_mnist(os.path.dirname(path))


def cifar_batch(path):
    beside(path, "test_batch.bin", RECORD)
    load_cifar10(os.path.dirname(path))


def matlab(path, compressed):
    from scipy.io import savemat

    savemat(path, {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[1], [10]], np.uint8)},
            do_compression=compressed)


def svhn(path):
    beside(path, "test_32x32.mat", made(lambda place: matlab(place, False), "a.mat"))
    load_svhn(os.path.dirname(path))


COUNTED = {"classes": ["silence", "unknown", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"],
           "counts": {"train": [1] * 12, "valid": [1] * 12, "test": [1] * 12}}
SPOKEN = np.zeros((36, 1, 16000), "<i2")
SPOKEN_HEAD = made(lambda place: np.save(place, SPOKEN), "a.npy")[:128]


def spoken(path):
    beside(path, COUNTS, json.dumps(COUNTED).encode())
    beside(path, SOUNDS, made(lambda place: np.save(place, SPOKEN), "a.npy"))
    load_speech_commands(os.path.dirname(path))


def spoken_behind(path):
    """The file is the header of the sounds alone; these are zeros and follow."""
    with open(path, "ab") as file:
        file.truncate(file.tell() + SPOKEN.nbytes)
    spoken(path)
