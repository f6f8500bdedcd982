"""CIFAR-10 in its binary form: records of one label byte and 3 x 32 x 32 pixel bytes."""

import os
import re
import zlib

import numpy as np

from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.data.registry import File, Source, register

__all__ = ["load_cifar10"]

CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_MEAN, _STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
_RECORD = 1 + 3 * 32 * 32
_MAX_RECORDS = 1_000_000  # a file of 3 GB; CIFAR-10's own hold 10,000 each
_BATCH = re.compile(r"(data_batch_\d+|test_batch)\.bin")


def _parse(path, content):
    if len(content) == 0 or len(content) % _RECORD:
        raise DataError(f"{path}: truncated or foreign: {len(content):,} bytes are not a whole number of "
                        f"{_RECORD}-byte records (label + 3x32x32 pixels)")
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    labels = records[:, 0]
    bad = np.flatnonzero(labels > 9)
    if bad.size:
        raise DataError(f"{path}: label {labels[bad[0]]} of image {bad[0]} is not in 0..9")
    return records


def _from_folder(folder):
    batches = {}
    for name in sorted(os.listdir(folder)):
        if _BATCH.fullmatch(name):
            path = os.path.join(folder, name)
            if os.path.getsize(path) > _MAX_RECORDS * _RECORD:
                raise DataError(f"{path}: {os.path.getsize(path):,} bytes are too many for a CIFAR-10 batch")
            with open(path, "rb") as file:
                batches[name] = _parse(path, file.read())
    return batches


def _from_archive(path):
    import tarfile

    try:
        from lzma import LZMAError
    except ImportError:  # a Python built without it cannot raise it either
        LZMAError = EOFError
    batches = {}
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:  # read in place: nothing is unpacked to the disk
                name = os.path.basename(member.name)
                if not (member.isfile() and _BATCH.fullmatch(name)):
                    continue
                if member.size > _MAX_RECORDS * _RECORD:
                    raise DataError(f"{path}: {name} has {member.size:,} bytes, too many for a CIFAR-10 batch")
                content = archive.extractfile(member).read()
                if len(content) != member.size:
                    raise DataError(f"{path}: truncated in {name}")
                batches[name] = _parse(f"{path}: {name}", content)
            # tarfile stops before the end of the packed stream, where its checksum is.
            while archive.fileobj.read(1 << 20):
                pass
    except (tarfile.TarError, EOFError, zlib.error, LZMAError) as error:
        raise DataError(f"{path}: damaged or truncated archive ({error})") from None
    return batches


def _read(folder):
    """(where it was found, {file name: records})."""
    if os.path.isfile(folder):
        return folder, _from_archive(folder)
    if not os.path.isdir(folder):
        raise DataError(f"{folder}: no such file or folder to look for CIFAR-10 in (--data-dir names another one, "
                        "--download fetches the files)")
    pickles = None
    for sub in ("", "cifar10", "cifar-10", "CIFAR10"):
        base = os.path.join(folder, sub) if sub else folder
        if not os.path.isdir(base):
            continue
        for place in (base, os.path.join(base, "cifar-10-batches-bin")):
            if os.path.isdir(place):
                batches = _from_folder(place)
                if batches:
                    return place, batches
        names = sorted(os.listdir(base))
        # The author's own archive first, then archives of a part of it.
        archives = sorted((n for n in names if re.fullmatch(r"cifar-10-binary.*\.tar(\.gz)?", n)), key=len)
        for name in archives[:1]:
            return os.path.join(base, name), _from_archive(os.path.join(base, name))
        pickles = pickles or next((n for n in names if n.startswith(("cifar-10-batches-py", "cifar-10-python"))), None)
    if pickles:
        raise DataError(f"{folder}: {pickles} is the pickled form of CIFAR-10, which could run code when read; get the "
                        "binary form, cifar-10-binary.tar.gz")
    raise DataError(f"{folder}: no CIFAR-10 here; expected data_batch_*.bin and test_batch.bin, a folder "
                    "cifar-10-batches-bin or cifar-10-binary.tar.gz (--download fetches it)")


def load_cifar10(path):
    """CIFAR-10: 50,000 + 10,000 colour pictures of ten classes, 3x32x32.

    Parameters
    ----------
    path : path-like
        A folder with ``data_batch_*.bin`` and ``test_batch.bin``, the folder around it, or ``cifar-10-binary.tar.gz``
        or the folder that holds it. Training batches that are absent are left out; the dataset's size tells.

    Returns
    -------
    train, test : ArrayDataset

    Raises
    ------
    DataError
        Files that are missing, foreign, truncated or hold a label above 9.

    References
    ----------
    A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    try:
        place, batches = _read(os.fspath(path))
    except OSError as error:
        raise DataError(f"{error.filename or path}: {error.strerror or error}") from None
    test = batches.pop("test_batch.bin", None)
    if test is None or not batches:
        raise DataError(f"{place}: CIFAR-10 is incomplete, no "
                        + ("test_batch.bin" if test is None else "data_batch_*.bin"))
    # data_batch_10 would come before data_batch_2 by name.
    ordered = [batches[name] for name in sorted(batches, key=lambda n: (len(n), n))]
    sets = []
    for part, groups in (("train", ordered), ("test", [test])):
        images = np.empty((sum(map(len, groups)), 32, 32, 3), np.uint8)
        start = 0
        for records in groups:
            pixels = records[:, 1:].reshape(-1, 3, 32, 32)
            images[start:start + len(records)] = pixels.transpose(0, 2, 3, 1)
            start += len(records)
        labels = np.concatenate([records[:, 0] for records in groups])
        sets.append(ArrayDataset(images.transpose(0, 3, 1, 2), labels, class_names=CIFAR10_NAMES, mean=_MEAN, std=_STD,
                                 name=f"cifar10 {part}"))
    return tuple(sets)


register(
    "cifar10", lambda folder, seed: load_cifar10(folder),
    {"model": "resnet20", "epochs": 20, "batch_size": 128, "augment": {"shift": 4, "mirror": True}},
    Source("https://www.cs.toronto.edu/~kriz", "cifar10", 170, (
        File("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),)))
