"""EMNIST digits: 280,000 handwritten digits of NIST's collection in MNIST's form, in one zip file with other sets."""

from __future__ import annotations

import gzip
import os
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import path_of
from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.data.idx import read_idx, read_idx_stream
from tinydl.data.packed import DAMAGED
from tinydl.data.registry import File, Source, register

if TYPE_CHECKING:
    from tinydl._types import Path, Split

__all__ = ["load_emnist_digits"]

_ARCHIVE = "gzip.zip"
_STEMS = {part: tuple(f"emnist-digits-{part}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1"))
          for part in ("train", "test")}


def load_emnist_digits(folder: Path) -> Split:
    """EMNIST digits: 240,000 + 40,000 handwritten digits, 1x28x28, as many of each; normalised by the training images.

    Parameters
    ----------
    folder : path-like
        Holds ``gzip.zip`` as it is published, or the four files of the digits from it, plain or gzipped; ``emnist/``,
        ``EMNIST/`` and ``EMNIST/raw/`` in it are tried too.

    Returns
    -------
    train, test : ArrayDataset

    Raises
    ------
    DataError
        Files that are missing, foreign, truncated or do not fit together.

    References
    ----------
    G. Cohen et al., "EMNIST: an extension of MNIST to handwritten letters", arXiv:1702.05373, 2017.
    """
    arrays = _arrays(path_of(folder))
    found = {}
    for part, stems in _STEMS.items():
        (where, images), (_, labels) = (arrays[stem] for stem in stems)
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
            raise DataError(f"{where}: EMNIST images are uint8 of shape (N, 28, 28), this file holds {images.dtype} of "
                            f"shape {images.shape}")
        found[part] = np.ascontiguousarray(images.transpose(0, 2, 1))[:, None], labels  # they are stored by columns
    mean, std = _moments(found["train"][0])
    sets = []
    for part, (images, labels) in found.items():
        try:
            sets.append(ArrayDataset(images, labels, class_names="0123456789", mean=mean, std=std,
                                     name=f"emnist-digits {part}"))
        except DataError as error:
            raise DataError(f"{arrays[_STEMS[part][1]][0]}: {error}") from None
    train, test = sets
    return train, test


def _arrays(folder):
    """{stem: (where it was found, array)} of the four files."""
    places = [os.path.join(folder, sub) for sub in ("", "emnist", "EMNIST", os.path.join("EMNIST", "raw"))]
    for place in places:
        paths = {stem: next((path for path in (os.path.join(place, stem), os.path.join(place, stem + ".gz"))
                             if os.path.isfile(path)), None) for stems in _STEMS.values() for stem in stems}
        if all(paths.values()):
            return {stem: (path, read_idx(path)) for stem, path in paths.items()}
        if os.path.isfile(os.path.join(place, _ARCHIVE)):
            return _unpacked(os.path.join(place, _ARCHIVE), paths)
    raise DataError(f"{folder}: no EMNIST here; expected {_ARCHIVE}, or {next(iter(paths))}[.gz] and its three "
                    "companions, in this folder or in emnist (--download fetches the archive)")


def _unpacked(path, stems):
    """The files of the digits in the archive, read without writing them anywhere."""
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for stem in stems:
                where, member = f"{path}: {stem}", archive.getinfo(f"gzip/{stem}.gz")
                with archive.open(member) as packed, gzip.GzipFile(fileobj=packed) as file:
                    found[stem] = where, read_idx_stream(where, file, member.file_size, zipped=True)
    except KeyError as error:
        raise DataError(f"{path}: {error.args[0]}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except DAMAGED as error:
        raise DataError(f"{path}: damaged or foreign zip file ({error})") from None
    return found


def _moments(images):
    """Mean and standard deviation of pixels from 0 to 1, from how often each value is met."""
    parts = np.array_split(images, 1 + len(images) // 4096)
    counts = sum(np.bincount(part.reshape(-1), minlength=256) for part in parts)
    values, total = np.arange(256) / 255, max(1, int(counts.sum()))
    mean = float(counts @ values) / total
    return mean, float(np.sqrt(counts @ (values - mean) ** 2 / total)) or 1.0


register(
    "emnist-digits", lambda folder, seed: load_emnist_digits(folder),
    {"model": "lenet_bn", "epochs": 2, "batch_size": 128},
    Source("https://biometrics.nist.gov/cs_links/EMNIST", "emnist", 562, (
        File(_ARCHIVE, "58c8d27c78d21e728a6bc7b3cc06412e"),)))
