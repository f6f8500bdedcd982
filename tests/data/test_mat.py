"""MATLAB's files: by hand, beside SciPy, and what is none."""

import struct
import zlib

import numpy as np
import pytest

from tinydl.data import DataError
from tinydl.data.mat import read_mat


def element(kind, content, order="<"):
    """A part of a matrix, small ones in the short form."""
    if len(content) <= 4:
        return struct.pack(order + "I", len(content) << 16 | kind) + content.ljust(4, b"\0")
    return struct.pack(order + "II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(name, values, kind, order="<", shape=None, flags=9):
    shape = values.shape if shape is None else shape
    body = (element(6, struct.pack(order + "II", flags, 0), order)
            + element(5, struct.pack(f"{order}{len(shape)}i", *shape), order) + element(1, name.encode(), order)
            + element(kind, values.astype(values.dtype.newbyteorder(order)).tobytes("F"), order))
    return struct.pack(order + "II", 14, len(body)) + body


def packed(part):
    part = zlib.compress(part)
    return struct.pack("<II", 15, len(part)) + part


def head(order="<"):
    return b"MATLAB 5.0".ljust(124) + struct.pack(order + "H", 0x0100) + (b"IM" if order == "<" else b"MI")


A = np.arange(6, dtype=np.int16).reshape(2, 3)
B = np.arange(3, dtype=np.uint8).reshape(3, 1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_by_hand(tmp_path, order):
    path = tmp_path / "a.mat"
    path.write_bytes(head(order) + matrix("other", A, 3, order) + matrix("a", A, 3, order) + matrix("b", B, 2, order))
    found = read_mat(path, ("a", "b", "c"))
    assert sorted(found) == ["a", "b"] and found["a"].dtype == np.int16 and found["b"].dtype == np.uint8
    assert np.array_equal(found["a"], A) and np.array_equal(found["b"], B)


def test_compressed_elements(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(head() + packed(matrix("a", A, 3)) + packed(matrix("b", B, 2)))
    assert np.array_equal(read_mat(path, ("a",))["a"], A)


@pytest.mark.parametrize("compressed", [False, True])
def test_beside_scipy(tmp_path, compressed):
    io = pytest.importorskip("scipy.io")
    rng, path = np.random.default_rng(0), tmp_path / "a.mat"
    values = {f"x{dtype}": (100 * rng.random((2, 3, 4))).astype(dtype)
              for dtype in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")}
    io.savemat(path, {"words": "hello", **values, "cells": np.array([1, "a"], object)}, do_compression=compressed)
    found = read_mat(path, tuple(values))
    for name, value in values.items():
        assert found[name].dtype == value.dtype and np.array_equal(found[name], value)
    with pytest.raises(DataError, match=r"a\.mat: damaged or foreign MATLAB file \(words holds no real numbers\)"):
        read_mat(path, ("words",))


GOOD = matrix("a", A, 3)


@pytest.mark.parametrize(("content", "message"), [
    (b"", "its header is not that of level 5"), (head()[:126] + b"HI", "its header"),
    (head()[:124] + b"\0\2IM", "its header"), (head() + b"\1", "it ends early"), (head() + GOOD[:-1], "it ends early"),
    (head() + struct.pack("<II", 14, 2**32 - 1), r"it ends early, after 0 of 4,294,967,295 bytes"),
    (head() + struct.pack("<II", 14, 8) + bytes(8), "a matrix without name or shape"),
    (head() + matrix("a", A, 3, shape=(2, 4)), r"a has 12 bytes of int16 for shape \(2, 4\)"),
    (head() + matrix("a", A, 3, shape=(-2, -3)), "a has 12 bytes"),
    (head() + matrix("a", A[:0], 3, shape=(0, 2**31 - 1, 2**31 - 1, 2**31 - 1)), "no array has shape"),
    (head() + matrix("a", A, 16), "a holds no real numbers"), (head() + matrix("a", A, 3, flags=4), "a holds no real"),
    (head() + matrix("a", A, 3, flags=9 | 8 << 8), "a holds no real numbers"),
    (head() + GOOD[:8] + struct.pack("<I", 5 << 16 | 6) + GOOD[12:], "a small element of 5 bytes"),
    (head() + packed(GOOD[:-8]), "it ends early, or too"), (head() + packed(GOOD + b"x"), "it ends early, or too late"),
    (head() + packed(struct.pack("<II", 14, 2**32 - 1)), r"bytes cannot hold 4,294,967,295"),
    (head() + packed(GOOD)[:12] + b"\xff" + packed(GOOD)[13:], "Error -3"),
], ids=str)
def test_what_cannot_be(tmp_path, content, message):
    path = tmp_path / "a.mat"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.mat: damaged or foreign MATLAB file \(.*{message}"):
        read_mat(path, ("a",))


def test_no_file(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_mat(tmp_path / "a.mat", ("a",))
