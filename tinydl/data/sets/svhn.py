"""SVHN: house numbers cut from street pictures, in MATLAB's form."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import path_of
from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.data.mat import read_mat
from tinydl.data.registry import File, Source, register

if TYPE_CHECKING:
    from tinydl._types import Path, Split

__all__ = ["load_svhn"]

_MEAN, _STD = (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)


def _read(path):
    """(images (N, 32, 32, 3), labels (N,)) of a .mat file."""
    content = read_mat(path, ("X", "y"))
    x, y = content.get("X"), content.get("y")
    if getattr(x, "ndim", 0) != 4 or x.shape[:3] != (32, 32, 3) or x.dtype != np.uint8:
        raise DataError(f"{path}: X must be uint8 of shape (32, 32, 3, N), got "
                        + (f"{x.dtype} of shape {x.shape}" if hasattr(x, "shape") else "none"))
    if getattr(y, "size", -1) != x.shape[3] or y.dtype.kind not in "ui":
        raise DataError(f"{path}: y must hold {x.shape[3]} integers")
    y = y.reshape(-1).astype(np.int64)
    if y.size and (y.min() < 1 or y.max() > 10):
        bad = int(np.argmax((y < 1) | (y > 10)))
        raise DataError(f"{path}: label {y[bad]} of image {bad} is not in 1..10")
    return x.transpose(3, 0, 1, 2), y % 10  # 10 is the digit 0


def load_svhn(folder: Path) -> Split:
    """SVHN: 73,257 + 26,032 colour pictures of digits in house numbers, 3x32x32.

    Parameters
    ----------
    folder : path-like
        Holds ``train_32x32.mat`` and ``test_32x32.mat``; ``svhn/`` and ``SVHN/`` in it are tried too.

    Returns
    -------
    train, test : ArrayDataset

    Raises
    ------
    DataError
        Files that are missing, foreign or damaged.

    References
    ----------
    Y. Netzer et al., "Reading digits in natural images with unsupervised feature learning", 2011.
    """
    folder = path_of(folder)
    for place in (folder, os.path.join(folder, "svhn"), os.path.join(folder, "SVHN")):
        paths = [os.path.join(place, f"{part}_32x32.mat") for part in ("train", "test")]
        if all(map(os.path.isfile, paths)):
            break
    else:
        raise DataError(f"{folder}: no SVHN here; expected train_32x32.mat and test_32x32.mat in this folder or in "
                        "svhn (--download fetches them)")
    sets = []
    for part, path in zip(("train", "test"), paths, strict=True):
        images, labels = _read(path)
        sets.append(ArrayDataset(images.transpose(0, 3, 1, 2), labels, class_names="0123456789", mean=_MEAN, std=_STD,
                                 name=f"svhn {part}"))
    train, test = sets
    return train, test


register(
    "svhn", lambda folder, seed: load_svhn(folder),
    {"model": "resnet20", "epochs": 10, "batch_size": 128, "augment": {"shift": 2, "mirror": False}},
    Source("http://ufldl.stanford.edu/housenumbers", "svhn", 246, (
        File("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
        File("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"))))
