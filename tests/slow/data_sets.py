"""Files of published data sets, small and whole, and their readers with the other files that these need."""

import gzip
import io
import json
import os
import zipfile
import zlib

import numpy as np
from whole_files import beside, idx, in_tar, made, wav

from tinydl.data import DataError, load_mnist, load_svhn
from tinydl.data.download import Incoming
from tinydl.data.keywords import COUNTS, SOUNDS, convert
from tinydl.data.sets.cifar10 import load_cifar10
from tinydl.data.sets.emnist_digits import load_emnist_digits
from tinydl.data.sets.speech_commands_12 import load_speech_commands

RECORD = bytes([3]) + bytes(range(256)) * 12
BATCHES = {"c/data_batch_1.bin": RECORD, "c/test_batch.bin": RECORD}
CIFAR10, UNPACKED_CIFAR10 = in_tar(BATCHES), in_tar(BATCHES, "w")
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


def with_sums(content):
    """A tar whose headers have the right sums: behind a wrong one nothing is read."""
    content = bytearray(content)
    for at in range(0, len(content), 512):
        if content[at + 257:at + 262] == b"ustar":
            content[at + 148:at + 156] = b" " * 8
            content[at + 148:at + 156] = b"%06o\0 " % sum(content[at:at + 512])
    return bytes(content)


def made_of(path, change):
    """Another file, of what `change` makes of the content of one. Damage is behind the sums there, where it is seen."""
    with open(path, "rb") as file:
        content = change(file.read())
    place = os.path.join(os.path.dirname(path), "changed")
    with open(place, "wb") as file:
        file.write(content)
    return place


def cifar_unpacked(path):
    load_cifar10(made_of(path, with_sums))


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


# --- Speech Commands' archive, of which those files are made ----------------------------------------------------------

NOISE = 2 * 160000      # bytes of ten seconds, the least that is taken
# Of other words, for which "zero" stands, those are taken whose crc32 is in the lowest eighth.
OTHERS = [n for n in range(100) if zlib.crc32(f"zero/{n}.wav".encode()) < 1 << 29]


def archive():
    """What is packed, up to the zeros of its noise, which come last: a sound of each class in each part."""
    files, parts = {}, {"train": [], "validation_list.txt": [], "testing_list.txt": []}
    for k, names in enumerate(parts.values()):
        names += [f"{word}/{k}.wav" for word in COUNTED["classes"][2:]] + [f"zero/{OTHERS[k]}.wav"]
        files |= {name: wav([k], 16000) for name in names}
    files |= {name: "\n".join(names).encode() for name, names in parts.items() if name != "train"}
    files["bed/" + "\u00e9" * 99 + ".txt"] = b"a name that takes a header of its own"
    noise = wav(np.zeros(NOISE // 2), 16000)
    whole = in_tar(files | {"_background_noise_/a.wav": noise}, "w")
    return whole[:whole.index(noise) + len(noise) - NOISE]


def packed(content):
    return gzip.compress(with_sums(content) + bytes(NOISE + 3 * 512), 1)


ARCHIVE = archive()
PACKED_ARCHIVE = packed(ARCHIVE)


def converted(path):
    folder = os.path.dirname(path)
    there = set(os.listdir(folder))
    try:
        with open(path, "rb") as file:
            size = os.path.getsize(path)
            convert(Incoming(path, file, None, size, size), folder)
    except DataError:
        assert set(os.listdir(folder)) == there, "something is left"
        raise
    load_speech_commands(folder)
    for name in (COUNTS, SOUNDS):
        os.unlink(os.path.join(folder, name))


def packed_and_converted(path):
    converted(made_of(path, packed))
