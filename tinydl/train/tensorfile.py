"""The safetensors file format, read and written with NumPy alone.

Eight bytes with the header's length (little-endian), a JSON header ``{name: {"dtype", "shape", "data_offsets"},
"__metadata__": {str: str}}``, then the arrays, row-major and without gaps. Nothing in such a file can run code. See
https://github.com/huggingface/safetensors#format. Files written here also hold a sha256 over header and data. Two marks
say so, the writer's name and one in front of the sum. A changed bit takes away one of them at most, so the file never
passes for one of another program, which has no sum.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import path_of
from tinydl._files import open_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO, Any

    from tinydl._types import Array, Path

__all__ = ["TensorFileError", "read_tensors", "with_tied", "write_tensors"]

_NAMES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
          "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1"}
_WIDENED = {"BF16": "<u2"}  # the upper halves of float32, which NumPy has no type for
_CODES = {np.dtype(code): name for name, code in _NAMES.items()}
_MAX_HEADER = 100_000_000  # as the reference implementation
_WRITER = "tinydl"
_MARK = "tinydl:"
_NO_SUM = _MARK + "0" * 64


class TensorFileError(ValueError):
    """A file that is not a whole, valid safetensors file; one line with the file, the fault and the cure."""


def write_tensors(file: IO[bytes], tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> None:
    """Write arrays and strings as a safetensors file.

    Parameters
    ----------
    file : binary file
        Open for writing; the caller sees to it that it is written whole (`tinydl._files.atomic_write`).
    tensors : dict of str to array
        Numbers or bool, of any memory order; written row-major in their logical shape.
    metadata : dict of str to str, optional
    """
    arrays = {}
    for name, value in tensors.items():
        value = np.asarray(value)
        dtype = value.dtype.newbyteorder("<")
        if dtype not in _CODES:
            raise TypeError(f"{name}: the safetensors format has no dtype {value.dtype}")
        arrays[name] = (np.asarray(value, dtype, order="C"), _CODES[dtype])
    # Wide elements first, so that every array is aligned in the file; the order is otherwise the caller's.
    order = sorted(arrays, key=lambda name: -arrays[name][0].dtype.itemsize)
    header: dict[str, Any] = {"__metadata__": {**(metadata or {}), "writer": _WRITER, "sha256": _NO_SUM}}
    offset = 0
    for name in order:
        array, code = arrays[name]
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=True).encode()
    text += b" " * (-len(text) % 8)
    length = len(text).to_bytes(8, "little")
    digest = hashlib.sha256(length + text)
    for name in order:
        digest.update(arrays[name][0].reshape(-1).view(np.uint8).data)
    marker = f'"sha256":"{_NO_SUM}"'.encode()
    # The metadata come first in the header and their values are escaped, so this is the sum's own place.
    assert marker in text
    file.write(length + text.replace(marker, f'"sha256":"{_MARK}{digest.hexdigest()}"'.encode(), 1))
    for name in order:
        file.write(arrays[name][0].reshape(-1).view(np.uint8).data)


def _no_duplicates(pairs):
    result = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key!r} occurs twice")
        result[key] = value
    return result


def _no_constant(name):
    raise ValueError(f"{name} is not a JSON number")


def _natural(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _check_entry(name, entry, end):
    """(dtype, shape, whether it becomes float32, first byte, last byte + 1), plausible for `end` bytes of data."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"tensor {name!r} lacks dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _NAMES | _WIDENED:
        raise ValueError(f"tensor {name!r} has dtype {dtype!r}; known are {', '.join(_NAMES | _WIDENED)}; where the "
                         "tensor was saved, convert it to float32 (in PyTorch: .float())")
    widened, dtype = dtype in _WIDENED, np.dtype((_NAMES | _WIDENED)[dtype])
    if not isinstance(shape, list) or not all(map(_natural, shape)) or len(shape) > 32:
        raise ValueError(f"tensor {name!r} has shape {shape!r}")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_natural, offsets)):
        raise ValueError(f"tensor {name!r} has data_offsets {offsets!r}")
    first, last = offsets
    if not first <= last <= end:
        raise ValueError(f"tensor {name!r} lies at {first}..{last}, the file holds {end} bytes of data")
    if math.prod(shape) * dtype.itemsize != last - first:
        raise ValueError(f"tensor {name!r} of shape {shape} and {dtype} does not fill its {last - first} bytes")
    return dtype, tuple(shape), widened, first, last


def _float32(halves):
    """The float32 numbers whose upper halves are given; the lower ones are 0."""
    bits = halves.astype(np.uint32)
    bits <<= 16
    return bits.view(np.float32)


def _parse(content):
    if len(content) < 8:
        raise ValueError(f"{len(content)} bytes are too few")
    n = int.from_bytes(content[:8], "little")
    if n > min(len(content) - 8, _MAX_HEADER):
        raise ValueError(f"its header claims {n:,} bytes, the file has {len(content):,}")
    text = content[8:8 + n].tobytes()
    if not text.startswith(b"{"):
        raise ValueError("its header does not start with '{'")
    header = json.loads(text.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("its metadata are not strings")
    data = content[8 + n:]
    total = metadata.get("sha256", "")
    if metadata.get("writer") == _WRITER or total.startswith(_MARK):
        place, blank = (f'"sha256":"{value}"'.encode() for value in (total, total[:-64] + "0" * 64))
        digest = hashlib.sha256(content[:8])
        digest.update(text.replace(place, blank, 1))
        digest.update(data)
        if digest.hexdigest() != total[-64:]:
            raise ValueError("its sha256 is wrong, so some bytes have changed since it was written")
    entries = {name: _check_entry(name, entry, len(data)) for name, entry in header.items()}
    position = 0
    for name, (*_, first, last) in sorted(entries.items(), key=lambda item: item[1][-2:]):
        if first != position:
            raise ValueError(f"tensor {name!r} starts at {first}, the one before it ends at {position}")
        position = last
    if position != len(data):
        raise ValueError(f"{len(data) - position} bytes of data belong to no tensor")
    tensors = {}
    for name, (dtype, shape, widened, first, last) in entries.items():
        values = data[first:last]
        if dtype.kind == "b" and values.size and values.max() > 1:
            raise ValueError(f"tensor {name!r} holds the byte {values.max()} as a bool")
        array = np.frombuffer(values.tobytes(), dtype).reshape(shape).astype(dtype.newbyteorder("="))
        tensors[name] = _float32(array) if widened else array
    return tensors, metadata


def read_tensors(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a safetensors file of any writer, checked before anything is made of it.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    tensors : dict of str to array
        Fresh arrays in native byte order; bfloat16 becomes float32, which holds the same numbers. All in all at most
        four times the file is allocated.
    metadata : dict of str to str

    Raises
    ------
    TensorFileError
        Anything wrong with the contents: lengths, JSON, names that occur twice, dtypes, shapes, offsets, gaps or
        overlaps, and for files written by tinydl any changed byte.
    OSError
        The file is missing, cannot be read, or is no file but a folder, pipe or device.
    """
    path = path_of(path)
    with open_file(path) as file:
        content = np.fromfile(file, np.uint8)
    try:
        return _parse(content)
    except (ValueError, RecursionError) as error:
        fault = "its header is nested too deeply" if isinstance(error, RecursionError) else error
        raise TensorFileError(f"{path}: not a whole safetensors file: {fault}") from None


def with_tied(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> dict[str, Array]:
    """The tensors of a file, also under the names of those that are stored once for several.

    safetensors.torch.save_model writes a tensor that a model has in several places once, and into the metadata which
    name stands for which.
    """
    if metadata.get("writer") == _WRITER:
        return dict(tensors)
    return {**tensors, **{other: tensors[name] for other, name in metadata.items()
                          if other not in tensors and name in tensors}}
