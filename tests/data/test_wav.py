"""WAV files: widths, floats, extensible headers, and what is no sound."""

import struct

import numpy as np
import pytest

from tinydl.data import DataError
from tinydl.data.wav import read_wav


def chunks(path, tag, channels, bits, body, extensible=False, before=b"", claimed=None):
    """A WAV file chunk by chunk, as programs other than Python's `wave` write it."""
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else tag, channels, 8000, 8000 * block, block, bits)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, 0, tag) + bytes.fromhex("000000001000800000aa00389b71")
    parts = before + b"fmt " + struct.pack("<I", len(form)) + form
    parts += b"data" + struct.pack("<I", len(body) if claimed is None else claimed) + body
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts)
    return path


@pytest.mark.parametrize(("width", "values", "expected"), [
    (1, [0, 128, 192], [-1, 0, 0.5]), (2, [-32768, 0, 16384], [-1, 0, 0.5]), (3, [-2**23, 0, 2**22], [-1, 0, 0.5]),
    (4, [-2**31, 0, 2**30], [-1, 0, 0.5]),
])
def test_samples_run_from_minus_1_to_1(tmp_path, write_wav, width, values, expected):
    samples, rate = read_wav(write_wav(tmp_path / "a.wav", values, width=width))
    assert samples.tolist() == [expected] and samples.dtype == np.float32 and rate == 8000


def test_channels_are_rows(tmp_path, write_wav):
    samples, _ = read_wav(write_wav(tmp_path / "a.wav", [16384, 0, -16384, 8192], channels=2))
    assert samples.tolist() == [[0.5, -0.5], [0, 0.25]]


@pytest.mark.parametrize(("content", "message"), [
    (b"", "ends early"), (b"hello, this is no sound at all", "not a WAV file"), (None, "No such file"),
    ("empty", "it is empty"), ("truncated", "it is truncated"), ("float", "convert it to PCM of 16 bits"),
])
def test_what_is_no_sound(tmp_path, write_wav, content, message):
    path = tmp_path / "a.wav"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        write_wav(path, [] if content == "empty" else range(100))
        whole = bytearray(path.read_bytes())
        if content == "truncated":
            whole = whole[:-50]
        elif content == "float":
            whole[20] = 3
        path.write_bytes(whole)
    with pytest.raises(DataError, match=message) as caught:
        read_wav(path)
    assert str(path) in str(caught.value)


# Audacity and ffmpeg write the extensible header from 24 bits on, and lists of tags before the sound.
@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(("tag", "bits", "body"), [
    (1, 24, b"\x00\x00\x40" b"\x00\x00\x80" b"\x00\x00\xe0" b"\x00\x00\x00"),
    (3, 32, struct.pack("<4f", 0.5, -1, -0.25, 0)), (3, 64, struct.pack("<4d", 0.5, -1, -0.25, 0)),
])
def test_floats_and_extensible_headers(tmp_path, tag, bits, body, extensible):
    path = chunks(tmp_path / "a.wav", tag, 2, bits, body, extensible, b"LIST" + struct.pack("<I", 3) + b"abc\0")
    samples, rate = read_wav(path)
    assert samples.tolist() == [[0.5, -0.25], [-1, 0]] and samples.dtype == np.float32 and rate == 8000


def test_a_sound_of_a_length_that_was_not_known_when_its_header_was_written(tmp_path):
    path = chunks(tmp_path / "a.wav", 1, 1, 16, struct.pack("<3h", 16384, 0, -16384), claimed=0xFFFFFFFF)
    assert read_wav(path)[0].tolist() == [[0.5, 0, -0.5]]


@pytest.mark.parametrize(("tag", "channels", "bits", "body", "message"), [
    (3, 1, 32, struct.pack("<2f", 0, np.nan), "sample 1 is nan or infinity"),
    (7, 1, 8, b"abc", "format 7 with 1 channels of 8 bits.*convert it to PCM of 16 bits"),
    (1, 0, 16, b"abcd", "format 1 with 0 channels"),
])
def test_formats_that_cannot_be_read(tmp_path, tag, channels, bits, body, message):
    with pytest.raises(DataError, match=message):
        read_wav(chunks(tmp_path / "a.wav", tag, channels, bits, body))


def test_a_header_cut_anywhere(tmp_path):
    whole = chunks(tmp_path / "a.wav", 1, 1, 16, bytes(8), True).read_bytes()
    for n in range(len(whole)):
        (tmp_path / "b.wav").write_bytes(whole[:n])
        with pytest.raises(DataError, match=r"b\.wav: .*(ends early|truncated|starts with)"):
            read_wav(tmp_path / "b.wav")


def test_a_header_that_claims_no_channels(tmp_path):
    whole = bytearray(chunks(tmp_path / "a.wav", 1, 1, 16, bytes(8)).read_bytes())
    whole[22:24] = bytes(2)  # of blocks of two bytes
    (tmp_path / "a.wav").write_bytes(whole)
    with pytest.raises(DataError, match="format 1 with 0 channels"):
        read_wav(tmp_path / "a.wav")
