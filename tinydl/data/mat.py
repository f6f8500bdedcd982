"""Arrays of numbers in MATLAB's files, level 5 (versions 5 to 7), compressed or not."""

import math
import os
import struct
import zlib

import numpy as np

from tinydl._files import open_file
from tinydl.data.dataset import DataError
from tinydl.data.packed import MAX_RATIO

__all__ = ["read_mat"]

# By the number of the type in the file: how elements are stored, and what contains others.
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED = 14, 15
_CLASSES = range(6, 16)  # of matrices: those of real numbers; others are text, structures, cells
_COMPLEX = 8  # a flag of a matrix


class _Damaged(Exception):
    """What is wrong with the file."""


def read_mat(path, names):
    """Arrays of a file by name.

    Parameters
    ----------
    path : str
    names : sequence of str
        Those that are wanted; others are passed over.

    Returns
    -------
    dict of str to array
        Of the type in which the file stores them, in Fortran's order. Names that the file lacks are left out.

    Raises
    ------
    DataError
        A missing, damaged or foreign file. No memory is taken for what it cannot hold.

    References
    ----------
    The MathWorks, "MAT-file format", 2019, level 5.
    """
    try:
        with open_file(path) as file:
            return dict(_arrays(file, names))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except (_Damaged, zlib.error) as error:
        raise DataError(f"{path}: damaged or foreign MATLAB file ({error})") from None


def _arrays(file, names):
    head = file.read(128)
    order = {b"IM": "<", b"MI": ">"}.get(head[126:])
    if order is None or struct.unpack_from(order + "H", head, 124)[0] != 0x0100:
        raise _Damaged("its header is not that of level 5")
    while tag := file.read(8):
        if len(tag) < 8:
            raise _Damaged("it ends early")
        kind, size = struct.unpack(order + "II", tag)
        left = os.fstat(file.fileno()).st_size - file.tell()  # `read` takes as much memory as it is asked for
        if left < size:
            raise _Damaged(f"it ends early, after {left:,} of {size:,} bytes")
        body = file.read(size)
        if kind == _COMPRESSED:
            kind, body = _unpacked(body, order)
        if kind == _MATRIX:
            yield from _matrix(body, order, names)


def _unpacked(body, order):
    """(kind, contents) of the element in a compressed one."""
    packed = zlib.decompressobj()
    tag = packed.decompress(body, 8)
    if len(tag) < 8:
        raise _Damaged("it ends early")
    kind, size = struct.unpack(order + "II", tag)
    if size > MAX_RATIO * len(body):
        raise _Damaged(f"{len(body):,} bytes cannot hold {size:,}")
    contents = packed.decompress(packed.unconsumed_tail, size + 1)
    if len(contents) != size or not packed.eof:  # at the end is the checksum
        raise _Damaged("it ends early, or too late")
    return kind, contents


def _matrix(body, order, names):
    """(name, array) of a matrix, nothing of one that is not wanted."""
    at, parts = 0, []
    while len(parts) < 4 and at < len(body):
        kind, part, at = _element(body, order, at)
        parts.append((kind, part))
    if len(parts) < 3 or len(parts[0][1]) < 4:
        raise _Damaged("a matrix without name or shape")
    flags, = struct.unpack_from(order + "I", parts[0][1])
    name = bytes(parts[2][1]).decode("latin-1")
    if name not in names:
        return
    shape = tuple(int(n) for n in np.frombuffer(parts[1][1][:len(parts[1][1]) // 4 * 4], order + "i4"))
    if flags & 0xFF not in _CLASSES or flags >> 8 & _COMPLEX or len(parts) < 4 or parts[3][0] not in _NUMBERS:
        raise _Damaged(f"{name} holds no real numbers")
    dtype = np.dtype(order + _NUMBERS[parts[3][0]])
    if not shape or min(shape) < 0 or math.prod(shape) * dtype.itemsize != len(parts[3][1]):
        raise _Damaged(f"{name} has {len(parts[3][1]):,} bytes of {dtype} for shape {shape}")
    try:
        values = np.frombuffer(parts[3][1], dtype).reshape(shape, order="F")
    except ValueError:  # no elements, as one size is 0, but others whose product no array can have
        raise _Damaged(f"no array has shape {shape}") from None
    yield name, values.astype(dtype.newbyteorder("="), copy=False)


def _element(body, order, at):
    """(kind, contents, where the next begins) of a part of a matrix."""
    if at + 8 > len(body):
        raise _Damaged("it ends early")
    kind, size = struct.unpack_from(order + "II", body, at)
    at += 8
    if kind >> 16:  # a small one: its size is in the upper half, its contents are in the place of the size
        kind, size, at = kind & 0xFFFF, kind >> 16, at - 4
        if size > 4:
            raise _Damaged(f"a small element of {size:,} bytes")
    if at + size > len(body):
        raise _Damaged("it ends early")
    return kind, memoryview(body)[at:at + size], at + size + -(at + size) % 8
