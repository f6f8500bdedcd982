"""The user's own data: a NumPy .npz archive with images and labels."""

import math
import os
import tokenize
import zipfile
import zlib

import numpy as np

from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.data.registry import register

__all__ = ["as_images", "load_npz", "read_arrays"]

_MAX_RATIO = 1032  # deflate never packs more than this many bytes into one


def _read_npy(path, name, file, length):
    """One array of `length` bytes, header included; never runs code and never allocates more than `length`."""
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
    path = os.fspath(path)
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            magic = file.read(6)
            file.seek(0)
            if magic == b"\x93NUMPY":
                return {"x": _read_npy(path, os.path.basename(path), file, size)}
            if not zipfile.is_zipfile(file):
                raise DataError(f"{path}: not an .npz file (starts with {magic[:4].hex(' ') or 'nothing'}, expected "
                                "50 4b 03 04)")
            file.seek(0)
            arrays = {}
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    name = info.filename.removesuffix(".npy")
                    if info.file_size > max(1024, info.compress_size * _MAX_RATIO) or info.compress_size > size:
                        raise DataError(f"{path}: {name} claims {info.file_size:,} bytes from {info.compress_size:,}")
                    with archive.open(info) as member:
                        arrays[name] = _read_npy(path, name, member, info.file_size)
            return arrays
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: damaged or truncated .npz file ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def as_images(x, what="x"):
    """Bring images to the logical shape (N, C, H, W), or (N, C, L) for signals.

    (N, H, W) are grey pictures, unless the second axis is 1: then (N, 1, L) are signals. Of four axes, the last one is
    the channels when it has 1, 3 or 4 entries and the second has another number (Keras' and OpenCV's order). Rows of
    features (N, F) pass.
    """
    if x.ndim not in (2, 3, 4):
        raise DataError(f"{what} must hold images of shape (N, H, W), (N, C, H, W) or (N, H, W, C), got {x.shape}")
    if x.ndim == 3 and x.shape[1] != 1:
        return x[:, None]
    if x.ndim == 4 and x.shape[3] in (1, 3, 4) and x.shape[1] not in (1, 3, 4):
        return x.transpose(0, 3, 1, 2)
    return x


def load_npz(path, test_fraction=0.2, seed=0):
    """Images and labels from an .npz file, as ``np.savez(path, x=..., y=...)`` writes it.

    Parameters
    ----------
    path : path-like
        Holds x_train, y_train, x_test and y_test, or x and y, of which a share of every class is held out. Shapes of x:
        see `as_images`; uint8 from 0 to 255 or floats. Labels y: integers from 0. Other arrays in it are ignored.
    test_fraction, seed
        The share that is held out, and which.

    Returns
    -------
    train, test : ArrayDataset
        Normalised by mean and standard deviation of the training images.

    Raises
    ------
    DataError
        Missing, truncated or foreign files, missing arrays, arrays of Python objects, labels out of range.
    """
    path = os.fspath(path)
    arrays = read_arrays(path)
    name = os.path.splitext(os.path.basename(path))[0]

    def make(x, y, part, class_names=None):
        if arrays[y].ndim == 2 and 1 in arrays[y].shape:
            arrays[y] = arrays[y].reshape(-1)
        if arrays[y].dtype.kind == "f" or arrays[y].ndim != 1:
            raise DataError(f"{path}: {y} must be integer class numbers of shape (N,), got {arrays[y].dtype} of shape "
                            f"{arrays[y].shape}")
        try:
            images = as_images(arrays[x], x)
            if images.dtype.kind == "f" and not np.isfinite(images).all():
                raise DataError(f"image {np.argwhere(~np.isfinite(images))[0][0]} of {x} holds nan or infinity")
            return ArrayDataset(images, arrays[y], class_names=class_names, name=f"{name} {part}")
        except DataError as error:
            raise DataError(f"{path}: {error} ({x}, {y})") from None

    if "x_train" in arrays or "x_test" in arrays:
        missing = [k for k in ("x_train", "y_train", "x_test", "y_test") if k not in arrays]
        if missing:
            raise DataError(f"{path}: no array {' or '.join(missing)}; it holds {', '.join(sorted(arrays))}")
        train = make("x_train", "y_train", "train").with_statistics()
        test = make("x_test", "y_test", "test", train.class_names)
        if test.image_shape != train.image_shape:
            raise DataError(f"{path}: x_train holds images of {train.image_shape}, x_test of {test.image_shape}")
        if len(train) == 0 or len(test) == 0:
            raise DataError(f"{path}: {len(train)} training and {len(test)} test images")
        return train, ArrayDataset(test.images, test.labels, class_names=train.class_names, mean=train.mean,
                                   std=train.std, scale=train.scale, name=test.name)
    if "x" not in arrays or "y" not in arrays:
        raise DataError(f"{path}: needs arrays x and y, or x_train, y_train, x_test and y_test; it holds "
                        f"{', '.join(sorted(arrays)) or 'nothing'}")
    data = make("x", "y", "data")
    train, test = data.split(test_fraction, seed)
    if len(train) == 0 or len(test) == 0:
        raise DataError(f"{path}: {len(data)} images are too few to hold out {test_fraction:.0%} of every class")
    train = train.with_statistics()
    test = train.like(test.images, test.labels, f"{name} test")
    train.name = f"{name} train"
    return train, test


register(".npz", lambda path, seed: load_npz(path, seed=seed), {})  # what suits the data, by their size
