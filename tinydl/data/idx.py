"""IDX files, plain or gzipped, and data sets of images and labels in four of them, as MNIST's.

An IDX file is two zero bytes, a byte for the element type, a byte for the rank, the sizes as big-endian uint32 and the
elements in row-major order (LeCun, Cortes and Burges, "The MNIST database of handwritten digits").
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import path_of
from tinydl._files import open_file
from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.data.packed import DAMAGED, MAX_RATIO

if TYPE_CHECKING:
    from tinydl._types import Array, Path

__all__ = ["load_images", "read_idx", "read_idx_stream"]

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PARTS = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def read_idx(path: Path) -> Array:
    """Read one IDX file.

    Parameters
    ----------
    path : path-like
        Plain or gzipped, told apart by the contents and not by the name.

    Returns
    -------
    array
        In native byte order, with the file's shape and element type. Never larger than 1,032 times the file.

    Raises
    ------
    DataError
        Not an IDX file, truncated, with trailing bytes, or with a size that the file cannot hold.
    """
    import gzip

    path = path_of(path)
    damaged: tuple[type[Exception], ...] = (gzip.BadGzipFile, *DAMAGED)
    try:
        length = os.path.getsize(path)
        with open_file(path) as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not zipped:
                return read_idx_stream(path, raw, length)
            with gzip.GzipFile(fileobj=raw) as file:
                return read_idx_stream(path, file, length, zipped=True)
    except damaged as error:
        raise DataError(f"{path}: damaged or truncated gzip file ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def read_idx_stream(path, file, length, *, zipped=False):
    """The array of an open IDX file; `path` is shown in messages.

    Parameters
    ----------
    path : str
    file : binary file
    length : int
        Bytes that the file has, as it is packed where it is `zipped`.
    zipped : bool
    """
    limit = length * MAX_RATIO if zipped else length
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES:
        raise DataError(f"{path}: not an IDX file (starts with {head.hex(' ') or 'nothing'}, expected 00 00 08 ..)")
    rank = head[3]
    sizes = file.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise DataError(f"{path}: truncated in its header ({len(sizes)} of {4 * rank} bytes of sizes)")
    shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
    dtype = np.dtype(_TYPES[head[2]])
    expected = math.prod(shape) * dtype.itemsize
    if rank > 32 or expected > limit:
        raise DataError(f"{path}: truncated, or its header is damaged: it promises {expected:,} bytes of shape "
                        f"{shape}, more than the file can hold")
    content = file.read(expected)
    if len(content) < expected:
        raise DataError(f"{path}: truncated: {len(content):,} of {expected:,} bytes for shape {shape}")
    if file.read(1):
        raise DataError(f"{path}: bytes are left over after the {expected:,} of shape {shape}")
    try:
        array = np.frombuffer(content, dtype).reshape(shape)
    except ValueError:  # no elements, as one size is 0, but others whose product no array can have
        raise DataError(f"{path}: its header is damaged: no array has shape {shape}") from None
    return array.astype(dtype.newbyteorder("="), copy=False)


def _find(folder, subfolders, title):
    """The folder among `folder` and its usual subfolders that holds all four files, and their paths."""
    folder = path_of(folder)
    if not os.path.isdir(folder):
        raise DataError(f"{folder}: no such folder to look for {title} in; name another one (folder, or --data-dir), "
                        "or let tinydl train --download fetch the files")
    missing = None
    for sub in ("", *subfolders):
        base = os.path.join(folder, *sub.split("/"))
        paths, absent = {}, []
        for part in _PARTS.values():
            for stem in part:
                # Some copies are named train-images.idx3-ubyte.
                names = (stem, stem + ".gz", stem.replace("-idx", ".idx"), stem.replace("-idx", ".idx") + ".gz")
                found = [p for p in (os.path.join(base, n) for n in names) if os.path.isfile(p)]
                if found:
                    paths[stem] = found[0]
                else:
                    absent.append(stem)
        if not absent:
            return paths
        if paths and missing is None:
            missing = f"{base}: {title} is incomplete, missing {', '.join(absent)} (plain or .gz)"
    raise DataError(missing or f"{folder}: no {title} here; expected {_PARTS['train'][0]}[.gz] and its three "
                    f"companions in this folder or in {', '.join(subfolders)} (--download fetches them)")


def load_images(folder, subfolders, title, class_names, mean, std):
    """A data set of 28x28 grey pictures in four IDX files.

    Parameters
    ----------
    folder : path-like
        Holds the four files, plain or gzipped.
    subfolders : sequence of str
        Folders in it that are tried too.
    title : str
        Shown in messages; in small letters it names the two parts.
    class_names, mean, std
        See `ArrayDataset`.

    Returns
    -------
    train, test : ArrayDataset

    Raises
    ------
    DataError
        Files that are missing, foreign, truncated or do not fit together.
    """
    paths = _find(folder, subfolders, title)
    sets = []
    for part, (image_stem, label_stem) in _PARTS.items():
        images, labels = read_idx(paths[image_stem]), read_idx(paths[label_stem])
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
            raise DataError(f"{paths[image_stem]}: {title} images are uint8 of shape (N, 28, 28), this file holds "
                            f"{images.dtype} of shape {images.shape}")
        if labels.dtype != np.uint8 or labels.ndim != 1:
            raise DataError(f"{paths[label_stem]}: labels are uint8 of shape (N,), this file holds {labels.dtype} of "
                            f"shape {labels.shape}")
        try:
            sets.append(ArrayDataset(images[:, None], labels, class_names=class_names, mean=mean, std=std,
                                     name=f"{title.lower()} {part}"))
        except DataError as error:
            raise DataError(f"{paths[label_stem]}: {error}") from None
    return tuple(sets)
