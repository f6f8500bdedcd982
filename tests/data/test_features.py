"""Cepstral coefficients against their formula, written out, and what tones and noise make of them."""

import numpy as np
import pytest

from tinydl.data import DataError, mfcc
from tinydl.data.features import featured


def by_the_formula(sound, rate, window, hop, bands, low, high, coefficients):
    """One frame, one band and one frequency at a time, in float64."""
    length, step = round(window * rate), round(hop * rate)
    size = next(2**k for k in range(20) if 2**k >= length)
    edges = [700 * (np.exp(m / 1127) - 1)
             for m in np.linspace(1127 * np.log(1 + low / 700), 1127 * np.log(1 + high / 700), bands + 2)]
    rows = []
    for start in range(0, len(sound) - length + 1, step):
        frame = sound[start:start + length] * np.hanning(length + 1)[:-1]
        power = abs(np.fft.fft(np.concatenate([frame, np.zeros(size - length)]))[:size // 2 + 1])**2
        energies = np.zeros(bands)
        for b in range(bands):
            left, middle, right = (1127 * np.log(1 + edges[b + k] / 700) for k in range(3))
            for k, p in enumerate(power):
                m = 1127 * np.log(1 + k * rate / size / 700)
                energies[b] += p * max(0, min((m - left) / (middle - left), (right - m) / (right - middle)))
        rows.append([sum(np.sqrt((1 if k == 0 else 2) / bands) * np.cos(np.pi * k * (b + 0.5) / bands)
                         * np.log(energies[b] + 1e-6) for b in range(bands)) for k in range(coefficients)])
    return np.array(rows)


@pytest.mark.parametrize(("rate", "settings"), [
    (1000, {"window": 0.04, "hop": 0.02, "bands": 8, "low": 20, "high": 400, "coefficients": 5}),
    (1024, {"window": 0.0625, "hop": 0.03, "bands": 6, "low": 0, "high": 512, "coefficients": 6}),
])
def test_the_formula(rate, settings):
    sounds = np.random.default_rng(0).normal(0, 0.3, (3, 2, 200)).clip(-1, 1)
    got = mfcc(sounds, rate, **settings)
    expected = np.array([[by_the_formula(channel, rate, **settings) for channel in sound] for sound in sounds])
    assert got.dtype == np.float32 and got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=2e-4, atol=2e-4)
    np.testing.assert_array_equal(mfcc(sounds[0, 0], rate, **settings), got[0, 0])


def test_the_sizes_of_keyword_spotting():
    sound = (20000 * np.sin(2 * np.pi * 400 * np.arange(16000) / 16000)).astype(np.int16)
    calls = []
    got = mfcc(np.tile(sound, (130, 1, 1)), 16000, report=lambda *call: calls.append(call))
    assert got.shape == (130, 1, 49, 10) and calls == [(64, 130), (128, 130), (130, 130)]
    np.testing.assert_allclose(got[129], mfcc((sound / 32768)[None, None], 16000)[0], rtol=1e-4, atol=1e-4)
    assert abs(got[0, 0] - got[0, 0, :1]).max() < 1e-3  # each frame begins with a whole period


def test_louder_is_more_of_the_first_coefficient_alone():
    quiet = np.random.default_rng(1).normal(0, 0.1, 16000)
    difference = mfcc(2 * quiet, 16000) - mfcc(quiet, 16000)
    np.testing.assert_allclose(difference[:, 0], np.log(4) * np.sqrt(40), rtol=1e-3)  # log of the power in each of 40
    np.testing.assert_allclose(difference[:, 1:], 0, atol=1e-3)


@pytest.mark.parametrize(("arguments", "options", "error", "message"), [
    ((np.zeros((2, 8)), 8000), {}, DataError, r"sounds \(N, C, L\) or \(L,\).*got shape \(2, 8\)"),
    ((np.zeros(319), 8000), {}, DataError, r"at least 320 samples \(0.04 s\)"),
    ((np.zeros(800), 8000), {"coefficients": 41}, ValueError, r"at most bands \(40\), got 41"),
    ((np.zeros(800), 8000), {"low": 5000}, ValueError, "low must be below high"),
    ((np.zeros(800), 0), {}, ValueError, "rate"),
])
def test_what_cannot_be(arguments, options, error, message):
    with pytest.raises(error, match=message):
        mfcc(*arguments, **options)


def test_by_name():
    sounds = np.zeros((1, 1, 800))
    assert featured(None, sounds, 8000) is sounds and featured("mfcc", sounds, 8000).shape == (1, 1, 4, 10)
    with pytest.raises(DataError, match="features must be one of mfcc, got 'fft'"):
        featured("fft", sounds, 8000)
