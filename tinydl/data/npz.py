"""The user's own data: a NumPy .npz archive with images, signals or features and labels."""

from __future__ import annotations

import math
import os
import tokenize
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import path_of
from tinydl._files import open_file
from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.data.packed import DAMAGED, MAX_RATIO
from tinydl.data.registry import register
from tinydl.data.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from tinydl._types import Path, Report, Split

__all__ = ["as_images", "load_npz", "read_arrays", "read_header", "shaped"]


def read_header(path, name, file):
    """(shape, whether in Fortran's order, dtype) of an array, which follows in the file; never runs code."""
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version in ((2, 0), (3, 0)):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            raise ValueError(f"unknown version {version}")
    except (ValueError, SyntaxError, TypeError, OverflowError, MemoryError, RecursionError,
            tokenize.TokenError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: {name} is not a NumPy array ({reason})") from None
    if dtype.hasobject:
        raise DataError(f"{path}: {name} holds Python objects, which could run code when read; save plain numbers")
    if any(n < 0 for n in shape):
        raise DataError(f"{path}: {name} has shape {shape}")
    return shape, fortran, dtype


def _read_npy(path, name, file, length):
    """One array of `length` bytes, header included; never runs code and never allocates more than `length`."""
    shape, fortran, dtype = read_header(path, name, file)
    expected = math.prod(shape) * dtype.itemsize
    if expected > length:
        raise DataError(f"{path}: {name} is truncated or damaged: shape {shape} of {dtype} needs {expected:,} bytes, "
                        f"it has {length:,}")
    content = file.read(expected)
    if len(content) != expected:
        raise DataError(f"{path}: {name} is truncated: {len(content):,} of {expected:,} bytes")
    try:
        return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
    except ValueError:  # elements of no bytes, or one size is 0 and the product of the others too large
        raise DataError(f"{path}: {name} is damaged: no array of {dtype} has shape {shape}") from None


def read_arrays(path):
    """The arrays of an .npz (or the one of an .npy, under the name "x"), checked before memory is taken for them.

    Raises
    ------
    DataError
        Missing, truncated or foreign files, arrays of Python objects, sizes that the file cannot hold.
    """
    path = path_of(path)
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            magic = file.read(6)
            file.seek(0)
            if magic == b"\x93NUMPY":
                return {"x": _read_npy(path, os.path.basename(path), file, size)}
            if not zipfile.is_zipfile(file):
                if magic.startswith(b"PK\x03\x04"):
                    raise DataError(f"{path}: an .npz file that ends early, after {size:,} bytes")
                raise DataError(f"{path}: not an .npz file (starts with {magic[:4].hex(' ') or 'nothing'}, expected "
                                "50 4b 03 04)")
            file.seek(0)
            arrays = {}
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    name = info.filename.removesuffix(".npy")
                    if info.file_size > max(1024, info.compress_size * MAX_RATIO) or info.compress_size > size:
                        raise DataError(f"{path}: {name} claims {info.file_size:,} bytes from {info.compress_size:,}")
                    with archive.open(info) as member:
                        arrays[name] = _read_npy(path, name, member, info.file_size)
            return arrays
    except DAMAGED as error:
        raise DataError(f"{path}: damaged or truncated .npz file ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def _is_signal(shape):
    """Whether (N, A, B) are signals of A channels rather than grey pictures: few, and much longer than many."""
    return shape[1] == 1 or (shape[1] < 8 and shape[2] >= 8 * shape[1])


def as_images(x, what="x"):
    """Bring images to the logical shape (N, C, H, W), or (N, C, L) for signals.

    (N, H, W) are grey pictures, unless the second axis is 1, or under 8 and the third at least 8 times as long: then
    (N, C, L) are signals. Of four axes, the last one is the channels when it has 1, 3 or 4 entries and the second has
    another number (Keras' and OpenCV's order). Rows of features (N, F) pass.
    """
    if x.ndim not in (2, 3, 4):
        raise DataError(f"{what} must hold images of shape (N, H, W), (N, C, H, W) or (N, H, W, C), got {x.shape}")
    if x.ndim == 3 and not _is_signal(x.shape):
        return x[:, None]
    if x.ndim == 4 and x.shape[3] in (1, 3, 4) and x.shape[1] not in (1, 3, 4):
        return x.transpose(0, 3, 1, 2)
    return x


def shaped(x, shape, what):
    """Samples `x` in the shape that was asked for, or as they are where that is None."""
    if shape is None:
        return x
    if not 1 <= len(shape) <= 3 or math.prod(shape) != math.prod(x.shape[1:]):
        raise DataError(f"{what}: a sample has {math.prod(x.shape[1:])} values, shape {'x'.join(map(str, shape))} "
                        f"needs {math.prod(shape)}")
    return x.reshape(len(x), *shape)


def load_npz(path: Path, test_fraction: float = 0.2, seed: int = 0, *, shape: Sequence[int] | None = None,
             task: Literal["classes", "regression", "labels"] | None = None, report: Report | None = None) -> Split:
    """Images, signals or features and their labels from an .npz file, as ``np.savez(path, x=..., y=...)`` writes it.

    Parameters
    ----------
    path : path-like
        Holds x_train, y_train, x_test and y_test, or x and y, of which a share of every class is held out. Shapes of x:
        see `as_images`; uint8 from 0 to 255 or floats. Labels y: what `data.targets.Targets` takes: class numbers or
        text (N,), floats of a regression, rows of 0 and 1. `class_names`: their names. Other arrays are ignored.
    test_fraction, seed
        The share that is held out, and which.
    shape : tuple of int, optional
        Shape of a sample, (C, L) or (C, H, W), where that of x does not tell.
    task : {'classes', 'regression', 'labels'}, optional
        What labels are when several are possible.
    report : optional
        For the sake of the other readers.

    Returns
    -------
    train, test : ArrayDataset
        Normalised by mean and standard deviation of the training images.

    Raises
    ------
    DataError
        Missing, truncated or foreign files, missing arrays, arrays of Python objects, labels that cannot be used.
    """
    path = path_of(path)
    arrays = read_arrays(path)
    name = os.path.splitext(os.path.basename(path))[0]

    def samples(x):
        images = as_images(arrays[x], x) if shape is None else shaped(arrays[x], shape, x)
        if images.dtype.kind == "f" and not np.isfinite(images).all():
            raise DataError(f"image {np.argwhere(~np.isfinite(images))[0][0]} of {x} holds nan or infinity")
        return images

    def make(x, y, part, targets=None):
        try:
            images = samples(x)
            n_labels = _flat_shape(arrays[y])[0] if arrays[y].ndim else "no"
            if len(images) != n_labels:
                raise DataError(f"{len(images)} images but {n_labels} labels")
            if targets is None:
                targets = Targets(arrays[y], _class_names(arrays), task, y)
            return ArrayDataset(images, targets.encode(arrays[y], y), class_names=targets.class_names,
                                name=f"{name} {part}"), targets
        except DataError as error:
            raise DataError(f"{path}: {error} ({x}, {y})") from None

    if "x_train" in arrays or "x_test" in arrays:
        missing = [k for k in ("x_train", "y_train", "x_test", "y_test") if k not in arrays]
        if missing:
            raise DataError(f"{path}: no array {' or '.join(missing)}; it holds {', '.join(sorted(arrays))}")
        train, targets = make("x_train", "y_train", "train")
        test, _ = make("x_test", "y_test", "test", targets)
        if test.image_shape != train.image_shape:
            raise DataError(f"{path}: x_train holds images of {train.image_shape}, x_test of {test.image_shape}")
        if train.labels.shape[1:] != test.labels.shape[1:]:
            raise DataError(f"{path}: y_train has shape {train.labels.shape}, y_test {test.labels.shape}")
    else:
        if "x" not in arrays or "y" not in arrays:
            raise DataError(f"{path}: needs arrays x and y, or x_train, y_train, x_test and y_test; it holds "
                            f"{', '.join(sorted(arrays)) or 'nothing'}")
        data, _ = make("x", "y", "data")
        train, test = data.split(test_fraction, seed)
        if len(train) == 0 or len(test) == 0:
            raise DataError(f"{path}: {len(data)} images are too few to hold out {test_fraction:.0%} of every class")
    if len(train) == 0 or len(test) == 0:
        raise DataError(f"{path}: {len(train)} training and {len(test)} test images")
    train = train.with_statistics()
    test = train.like(test.images, test.labels, f"{name} test")
    train.name = f"{name} train"
    train.about = {"kind": "arrays", "notes": []}
    return train, test


def _flat_shape(y):
    """The shape of labels, that of a column (N, 1) or a row (1, N) being (N,)."""
    return (y.size,) if y.ndim == 2 and 1 in y.shape else y.shape


def _class_names(arrays):
    """The names of the classes in an archive, or None."""
    names = arrays.get("class_names")
    if names is None:
        return None
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise DataError(f"class_names must be text of shape (K,), got {names.dtype} of shape {names.shape}")
    names = [name.decode("utf-8") if isinstance(name, bytes) else name for name in names.tolist()]
    if len(set(names)) != len(names):
        raise DataError(f"class_names names {next(n for n in names if names.count(n) > 1)!r} twice")
    return names


register(".npz", lambda path, seed, **options: load_npz(path, seed=seed, **options), {},  # what suits the data
         options=("shape", "task"))
