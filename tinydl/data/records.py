"""CIFAR's binary form: records of one or two label bytes and 3 x 32 x 32 pixel bytes."""

import os
import re
from typing import NamedTuple

import numpy as np

from tinydl._check import path_of
from tinydl._files import open_file
from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.data.packed import DAMAGED
from tinydl.data.tar import members, open_tar

__all__ = ["Form", "load_records"]

_PIXELS = 3 * 32 * 32
_MAX_RECORDS = 1_000_000  # a file of 3 GB; CIFAR's own hold 50,000 at most


class Form(NamedTuple):
    """A data set in this form.

    Attributes
    ----------
    title : str
        CIFAR-10 or CIFAR-100; in small letters and with the number apart it begins the names of archives.
    names : tuple of str
        Of the classes.
    labels : int
        Label bytes of a record, of which the last one counts.
    train, test : str
        Patterns of the files' names.
    shown : str
        The training files in messages.
    unpacked : str
        The folder that the archive makes.
    mean, std : tuple of float
    """

    title: str
    names: tuple[str, ...]
    labels: int
    train: str
    test: str
    shown: str
    unpacked: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def short(self):
        """cifar-10"""
        return self.title.lower()

    @property
    def size(self):
        """Bytes of a record."""
        return self.labels + _PIXELS

    def is_batch(self, name):
        """Whether a file of this name holds records."""
        return re.fullmatch(f"{self.train}|{self.test}", name) is not None


def _parse(form, path, content):
    if len(content) == 0 or len(content) % form.size:
        raise DataError(f"{path}: truncated or foreign: {len(content):,} bytes are not a whole number of "
                        f"{form.size}-byte records (label + 3x32x32 pixels)")
    records = np.frombuffer(content, np.uint8).reshape(-1, form.size)
    labels = records[:, form.labels - 1]
    bad = np.flatnonzero(labels >= len(form.names))
    if bad.size:
        raise DataError(f"{path}: label {labels[bad[0]]} of image {bad[0]} is not in 0..{len(form.names) - 1}")
    return records


def _from_folder(form, folder):
    batches = {}
    for name in sorted(os.listdir(folder)):
        if form.is_batch(name):
            path = os.path.join(folder, name)
            if os.path.getsize(path) > _MAX_RECORDS * form.size:
                raise DataError(f"{path}: {os.path.getsize(path):,} bytes are too many for a {form.title} batch")
            with open_file(path) as file:
                batches[name] = _parse(form, path, file.read())
    return batches


def _from_archive(form, path):
    import tarfile

    batches = {}
    try:
        with open_tar(path, "r:*") as archive:
            for member in members(archive):  # read in place: nothing is unpacked to the disk
                name = os.path.basename(member.name)
                if not (member.isfile() and form.is_batch(name)):
                    continue
                if member.size > _MAX_RECORDS * form.size:
                    raise DataError(f"{path}: {name} has {member.size:,} bytes, too many for a {form.title} batch")
                content = archive.extractfile(member).read()
                if len(content) != member.size:
                    raise DataError(f"{path}: truncated in {name}")
                batches[name] = _parse(form, f"{path}: {name}", content)
            # tarfile stops before the end of the packed stream, where its checksum is.
            while archive.fileobj.read(1 << 20):
                pass
    except (tarfile.TarError, *DAMAGED) as error:
        raise DataError(f"{path}: damaged or truncated archive ({error})") from None
    return batches


def _read(form, folder):
    """(where it was found, {file name: records})."""
    if os.path.isfile(folder):
        return folder, _from_archive(form, folder)
    if not os.path.isdir(folder):
        raise DataError(f"{folder}: no such file or folder to look for {form.title} in; name another one (folder, or "
                        "--data-dir), or let tinydl train --download fetch the files")
    pickles, plain = None, form.short.replace("-", "")
    for sub in ("", plain, form.short, plain.upper()):
        base = os.path.join(folder, sub) if sub else folder
        if not os.path.isdir(base):
            continue
        for place in (base, os.path.join(base, form.unpacked)):
            if os.path.isdir(place):
                batches = _from_folder(form, place)
                if batches:
                    return place, batches
        names = sorted(os.listdir(base))
        # The author's own archive first, then archives of a part of it.
        archives = sorted((n for n in names if re.fullmatch(form.short + r"-binary.*\.tar(\.gz)?", n)), key=len)
        for name in archives[:1]:
            return os.path.join(base, name), _from_archive(form, os.path.join(base, name))
        foreign = (f"{form.short}-batches-py", f"{form.short}-python")
        pickles = pickles or next((n for n in names if n.startswith(foreign)), None)
    if pickles:
        raise DataError(f"{folder}: {pickles} is the pickled form of {form.title}, which could run code when read; get "
                        f"the binary form, {form.short}-binary.tar.gz")
    raise DataError(f"{folder}: no {form.title} here; expected {form.shown} and {_plain(form.test)}, a folder "
                    f"{form.unpacked} or {form.short}-binary.tar.gz (--download fetches it)")


def _plain(pattern):
    return pattern.replace("\\", "")


def load_records(path, form):
    """(train, test) of a data set in this form; training files that are absent are left out.

    Parameters
    ----------
    path : path-like
        The folder with the files, the folder around it, the archive, or the folder that holds it.
    form : Form

    Raises
    ------
    DataError
        Files that are missing, foreign, truncated or hold a label of no class.
    """
    try:
        place, batches = _read(form, path_of(path))
    except OSError as error:
        raise DataError(f"{error.filename or path}: {error.strerror or error}") from None
    test = batches.pop(_plain(form.test), None)
    if test is None or not batches:
        raise DataError(f"{place}: {form.title} is incomplete, no "
                        + (_plain(form.test) if test is None else form.shown))
    # data_batch_10 would come before data_batch_2 by name.
    ordered = [batches[name] for name in sorted(batches, key=lambda n: (len(n), n))]
    sets = []
    for part, groups in (("train", ordered), ("test", [test])):
        images = np.empty((sum(map(len, groups)), 32, 32, 3), np.uint8)
        start = 0
        for records in groups:
            pixels = records[:, form.labels:].reshape(-1, 3, 32, 32)
            images[start:start + len(records)] = pixels.transpose(0, 2, 3, 1)
            start += len(records)
        labels = np.concatenate([records[:, form.labels - 1] for records in groups])
        sets.append(ArrayDataset(images.transpose(0, 3, 1, 2), labels, class_names=form.names, mean=form.mean,
                                 std=form.std, name=f"{form.short.replace('-', '')} {part}"))
    return tuple(sets)
