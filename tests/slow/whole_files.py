"""What makes the bytes of files, and puts files beside each other."""

import io
import os
import struct
import tarfile
import tempfile

import numpy as np

__all__ = ["beside", "idx", "in_tar", "made", "wav"]


def made(write, name="a.npz"):
    """The bytes of the file that `write(path)` makes."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        write(path)
        with open(path, "rb") as file:
            return file.read()


def beside(path, name, content):
    """Put another file into the folder of `path`."""
    place = os.path.join(os.path.dirname(path), name)
    if not os.path.exists(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content)


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def in_tar(files, mode="w:gz"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def wav(values, rate=8000, kind="<i2", channels=1):
    """As programs other than Python's `wave` write it: an extensible header, a list of tags before the sound."""
    body = np.asarray(values).astype(kind).tobytes()
    size = np.dtype(kind).itemsize
    form = struct.pack("<HHIIHHHHIH", 0xFFFE, channels, rate, rate * channels * size, channels * size, 8 * size, 22,
                       8 * size, 0, 3 if "f" in kind else 1) + bytes.fromhex("000000001000800000aa00389b71")
    parts = b"".join(name + struct.pack("<I", len(part)) + part
                     for name, part in ((b"fmt ", form), (b"LIST", b"INFOISFT\4\0\0\0abc\0"), (b"data", body)))
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts
