"""Folders of WAV files: rates, lengths, channels."""

import os
import sys

import numpy as np
import pytest

from tinydl.data import DataError, load_wav_folder
from tinydl.data.sound import fitted


def test_channels_are_mixed_down():
    samples = np.array([[0.5, -0.5], [0, 0.25]], np.float32)
    assert fitted("a", samples, 8000, 1, None, 8000).tolist() == [[0.25, -0.125]]


def test_cut_in_the_middle_and_filled_at_the_end():
    samples = np.arange(5, dtype=np.float32)[None]
    assert fitted("a", samples, 8, 1, 3, 8).tolist() == [[1, 2, 3]]
    assert fitted("a", samples, 8, 1, 7, 8).tolist() == [[0, 1, 2, 3, 4, 0, 0]]


def test_another_rate_needs_scipy(monkeypatch):
    tone = np.sin(2 * np.pi * 5 * np.arange(200) / 200, dtype=np.float32)[None]
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    with pytest.raises(DataError, match=r"200 samples a second where 100 are wanted.*\[sound\]"):
        fitted("a", tone, 200, 1, None, 100)
    monkeypatch.undo()
    pytest.importorskip("scipy")
    half = fitted("a", tone, 200, 1, None, 100)
    assert half.shape == (1, 100) and half.dtype == np.float32
    assert abs(half[0, 10:-10] - np.sin(2 * np.pi * 5 * np.arange(100) / 100)[10:-10]).max() < 0.01


@pytest.mark.parametrize(("rate", "length"), [(44100, 160), (8001, 882), (48000, 147), (22255, 318), (700000, 11)])
def test_rates_of_any_ratio(rate, length):
    """441 samples at another rate become 441 * 16000 / rate, rounded up, whether the ratio has few terms or many."""
    pytest.importorskip("scipy")
    assert fitted("a", np.ones((1, 441), np.float32), rate, 1, None, 16000).shape == (1, length)


@pytest.mark.parametrize("rate", [1, 200, 1_100_000, 2**31 - 1])
def test_rates_that_no_sound_has_take_no_memory(rate):
    pytest.importorskip("scipy")
    with pytest.raises(DataError, match=rf"a.wav: {rate:,} samples a second cannot be brought to 16,000"):
        fitted("a.wav", np.ones((1, 50), np.float32), rate, 1, None, 16000)


def test_a_folder(tmp_path, write_wav):
    for c, name in enumerate(("high", "low")):
        os.makedirs(tmp_path / "own" / name)
        for k in range(5):
            write_wav(tmp_path / "own" / name / f"{k}.wav", [1000 * (c + 1)] * (100 if k else 80))
    train, test = load_wav_folder(tmp_path / "own")
    assert (len(train), len(test)) == (8, 2) and train.class_names == ("high", "low")
    assert train.image_shape == (1, 100) and train.about["rate"] == 8000
    assert train.about["notes"] == ["0.0125 s of 8,000 samples a second",
                                    "2 files of 0.01 to 0.0125 s cut, or filled with silence (--seconds takes another "
                                    "length)"]
    assert load_wav_folder(tmp_path / "own", seconds=0.005)[0].image_shape == (1, 40)
    with pytest.raises(ValueError, match="rate"):
        load_wav_folder(tmp_path / "own", rate=0)
