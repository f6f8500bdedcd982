import contextlib
import hashlib
import io
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tinydl.train.tensorfile import TensorFileError, read_tensors, with_tied, write_tensors

TENSORS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "flag": np.array([True, False, True]),
    "count": np.array(7),
    "double": np.array([np.nan, np.inf, -0.0, 5e-324]),
    "empty": np.zeros((0, 3), np.float32),
    "half": np.array([1.5], np.float16),
    "byte": np.array([255], np.uint8),
}


def dump(tensors, metadata=None):
    file = io.BytesIO()
    write_tensors(file, tensors, metadata)
    return file.getvalue()


def load(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    return read_tensors(path)


def same(a, b):
    def facts(tensors):
        return {name: (t.dtype, t.shape, t.tobytes()) for name, t in tensors.items()}

    return facts(a) == facts(b)


def foreign(header, data=b""):
    """A file of another writer, with a header given as it is."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_round_trip(tmp_path):
    tensors, metadata = load(tmp_path, dump(TENSORS, {"epoch": "3", "text": 'quotes " and \n and ä'}))
    assert same(tensors, TENSORS)
    assert metadata["epoch"] == "3"
    assert metadata["text"] == 'quotes " and \n and ä'
    assert all(t.flags.writeable and t.flags.c_contiguous for t in tensors.values())


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">i8"])
def test_any_memory_order_and_byte_order_gives_the_same_bytes(order, dtype):
    a = np.arange(12).reshape(3, 4).astype(dtype)
    plain = a.astype(a.dtype.newbyteorder("="))
    assert dump({"a": np.asarray(a, order=order)}) == dump({"a": plain})
    assert dump({"a": plain.T.copy().T[::1]}) == dump({"a": plain})


def test_the_reference_implementation_reads_it_and_is_read(tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "a.safetensors"
    path.write_bytes(dump(TENSORS, {"a": "b"}))
    assert same(reference.load_file(path), TENSORS)
    reference.save_file(TENSORS, path, {"a": "b"})
    tensors, metadata = read_tensors(path)
    assert same(tensors, TENSORS)
    assert metadata == {"a": "b"}


def test_unknown_dtype_is_refused_on_writing():
    with pytest.raises(TypeError, match="a: the safetensors format has no dtype complex128"):
        dump({"a": np.zeros(2, complex)})


def test_metadata_that_imitate_the_checksum(tmp_path):
    # The place of the sum is found by its text; a value with the same text must not be taken for it.
    tricky = {"a": '"sha256":"tinydl:' + "0" * 64 + '"', "b": "sha256"}
    assert load(tmp_path, dump({"x": np.zeros(3)}, tricky))[1]["a"] == tricky["a"]


def test_truncated_at_every_length(tmp_path):
    content = dump({"a": np.arange(5.0), "b": np.arange(3)})
    for n in range(len(content)):
        with pytest.raises(TensorFileError, match="not a whole safetensors file"):
            load(tmp_path, content[:n])
    with pytest.raises(TensorFileError):
        load(tmp_path, content + b"\0")


@pytest.mark.parametrize("metadata", [None, {"state": '{"epoch": 3}'}, {"b": "sha256", "a": "tinydl"}])
def test_every_flipped_bit_is_found(tmp_path, metadata):
    content = dump({"a": np.arange(3.0)}, metadata)
    for position in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[position] ^= 1 << bit
            with pytest.raises(TensorFileError):
                load(tmp_path, bytes(changed))


def test_a_sum_without_the_mark_is_checked_too(tmp_path):
    # As the first files of tinydl had it.
    header = {"__metadata__": {"writer": "tinydl", "sha256": "0" * 64}, "a": ENTRY}
    content = foreign(json.dumps(header, separators=(",", ":")).encode(), bytes(8))
    total = hashlib.sha256(content).hexdigest()
    content = content.replace(b"0" * 64, total.encode())
    assert load(tmp_path, content)[0]["a"].tolist() == [0, 0]
    with pytest.raises(TensorFileError, match="sha256 is wrong"):
        load(tmp_path, content[:-1] + b"1")


def test_a_sum_of_another_program_is_not_taken_for_ours(tmp_path):
    header = {"__metadata__": {"writer": "other", "sha256": "0" * 64}, "a": ENTRY}
    tensors, metadata = load(tmp_path, foreign(header, bytes(8)))
    assert tensors["a"].tolist() == [0, 0] and metadata["sha256"] == "0" * 64


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(("content", "message"), [
    (b"", "0 bytes are too few"),
    ((2**63).to_bytes(8, "little") + b"{}", "its header claims"),
    (foreign(b"[]"), "does not start"),
    (foreign(b"{]"), "Expecting"),
    (foreign(b"{\"a\": \xff}"), "utf-8"),
    (foreign({"a": 3}), "lacks dtype"),
    (foreign({"a": {**ENTRY, "extra": 1}}, b"\0" * 8), "lacks dtype"),
    (foreign({"a": {**ENTRY, "dtype": "F33"}}, b"\0" * 8), "dtype 'F33'.*BF16; where .* convert it to float32"),
    (foreign({"a": {**ENTRY, "dtype": ["F32"]}}, b"\0" * 8), "dtype"),
    (foreign({"a": {**ENTRY, "shape": [-2]}}, b"\0" * 8), "shape"),
    (foreign({"a": {**ENTRY, "shape": [2.0]}}, b"\0" * 8), "shape"),
    (foreign({"a": {**ENTRY, "shape": [True, 2]}}, b"\0" * 8), "shape"),
    (foreign({"a": {**ENTRY, "shape": [3]}}, b"\0" * 8), "does not fill"),
    (foreign({"a": {**ENTRY, "shape": [2**62, 2**62, 2**62]}}, b"\0" * 8), "does not fill"),
    (foreign({"a": {**ENTRY, "data_offsets": [0, 16]}}, b"\0" * 8), "lies at"),
    (foreign({"a": {**ENTRY, "data_offsets": [8, 0]}}, b"\0" * 8), "lies at"),
    (foreign({"a": {**ENTRY, "data_offsets": [4, 12]}}, b"\0" * 12), "starts at 4"),
    (foreign({"a": ENTRY, "b": ENTRY}, b"\0" * 8), "starts at 0"),
    (foreign({"a": ENTRY}, b"\0" * 9), "belong to no tensor"),
    (foreign(b'{"a": 1, "a": 2}'), "occurs twice"),
    (foreign(b'{"__metadata__": {"x": 1}}'), "not strings"),
    (foreign(b'{"__metadata__": {"x": NaN}}'), "NaN"),
    (foreign(b'{"a":' + b"[" * 200000 + b"]" * 200000 + b"}"), "nested too deeply|recursion"),
    (foreign(b'{"a": ' + b"9" * 5000 + b"}"), "."),
    (foreign({"a": {"dtype": "BOOL", "shape": [1], "data_offsets": [0, 1]}}, b"\x02"), "the byte 2 as a bool"),
])
def test_faults_are_named(tmp_path, content, message):
    with pytest.raises(TensorFileError, match=message) as caught:
        load(tmp_path, content)
    assert "a.safetensors" in str(caught.value)


@pytest.mark.parametrize("shape", [[7], [], [0]])
def test_bfloat16_becomes_float32(tmp_path, shape):
    bits = np.array([0x3F80, 0xC049, 0x7F80, 0xFF80, 0x8000, 0x0001, 0x7FC0], "<u2")
    values = np.array([1, -3.140625, np.inf, -np.inf, -0.0, 2.0**-133, np.nan], np.float32)
    n = int(np.prod(shape))
    header = {"a": {"dtype": "BF16", "shape": shape, "data_offsets": [0, 2 * n]}}
    tensors, _ = load(tmp_path, foreign(header, bits[:n].tobytes()))
    assert tensors["a"].shape == tuple(shape) and tensors["a"].tobytes() == values[:n].tobytes()
    assert tensors["a"].dtype == np.float32 and tensors["a"].flags.writeable
    with pytest.raises(TensorFileError, match="does not fill|lies at"):
        load(tmp_path, foreign({"a": {**header["a"], "data_offsets": [0, 2 * n + 1]}}, bytes(2 * n + 1)))


def test_tied_names_are_those_that_the_metadata_give():
    a, b = np.zeros(1), np.ones(1)
    tied = with_tied({"a": a, "b": b}, {"c": "a", "b": "a", "format": "pt"})
    assert list(tied) == ["a", "b", "c"] and tied["c"] is a and tied["b"] is b
    assert list(with_tied({"tinydl": a}, {"writer": "tinydl", "x": "tinydl"})) == ["tinydl"]


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "none")


def test_pipes_and_devices_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
        with pytest.raises(OSError, match="not a file|Is a directory"):
            read_tensors(path)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_give_arrays_or_the_error(tmp_path_factory, content, framed):
    path = tmp_path_factory.getbasetemp() / "fuzz"
    path.write_bytes(foreign(b"{" + content) if framed else content)
    with contextlib.suppress(TensorFileError):
        read_tensors(path)


shapes = st.lists(st.integers(0, 4), max_size=4)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=12).filter(lambda n: n != "__metadata__"), shapes, max_size=5))
def test_any_names_and_shapes_come_back(tmp_path_factory, wanted):
    path = tmp_path_factory.getbasetemp() / "names"
    dtypes = [np.float32, np.int8, np.float64, np.uint16, bool]
    tensors = {name: np.ones(shape, dtypes[i]) for i, (name, shape) in enumerate(wanted.items())}
    path.write_bytes(dump(tensors))
    assert same(read_tensors(path)[0], tensors)
