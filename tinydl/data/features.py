"""Sounds as pictures of a few numbers a moment: what nets for spoken words take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import integer, number
from tinydl.data.dataset import DataError

if TYPE_CHECKING:
    from tinydl._types import Array, ArrayLike, Report

__all__ = ["FEATURES", "featured", "mfcc"]

_AT_ONCE = 64  # sounds, whose spectra stay in the caches


def mfcc(sounds: ArrayLike, rate: int, coefficients: int = 10, *, window: float = 0.04, hop: float = 0.02,
         bands: int = 40, low: float = 20.0, high: float = 4000.0, report: Report | None = None) -> Array:
    """Mel-frequency cepstral coefficients: the shape of the spectrum every few milliseconds.

    ``c[t, k] = sum_b sqrt(2/B) s_k cos(pi k (b + 1/2) / B) log(E[t, b] + 1e-6)``, with s_0 = sqrt(1/2) and s_k = 1
    else (the orthonormal DCT-II), where E[t, b] is the power of frame t under triangle b of B: frames times a Hann
    window, filled with zeros to a power of two. The triangles have their corners at equal steps on the mel scale,
    m = 1127 ln(1 + f / 700).

    Parameters
    ----------
    sounds : array, shape (N, C, L) or (L,)
        Floats from -1 to 1, or int16.
    rate : int
        Samples a second.
    coefficients : int
        How many are kept, those of the smoothest shapes.
    window, hop : float
        Length of a frame and from one to the next, in seconds. One second makes 49 frames by default.
    bands : int
        Triangles.
    low, high : float
        Frequencies of the outermost corners; at most half the rate.
    report : callable, optional
        Called with (sounds done, sounds in all).

    Returns
    -------
    array of float32, shape (N, C, frames, coefficients) or (frames, coefficients)

    Raises
    ------
    DataError
        Sounds shorter than a frame, or of another shape.

    References
    ----------
    S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition in
    continuously spoken sentences", 1980; the sizes are those of Y. Zhang et al., arXiv:1711.07128, 2017.
    """
    sounds = np.asanyarray(sounds)
    rate, bands = integer("mfcc", "rate", rate, 1), integer("mfcc", "bands", bands, 1)
    coefficients = integer("mfcc", "coefficients", coefficients, 1)
    if coefficients > bands:
        raise ValueError(f"mfcc: coefficients must be at most bands ({bands}), got {coefficients}")
    length, step = (max(1, round(number("mfcc", name, value, open_low=True) * rate))
                    for name, value in (("window", window), ("hop", hop)))
    if sounds.ndim not in (1, 3) or sounds.shape[-1] < length:
        raise DataError(f"mfcc takes sounds (N, C, L) or (L,) of at least {length} samples ({window:g} s), got shape "
                        f"{sounds.shape}")
    rows = sounds.reshape(-1, sounds.shape[-1])
    fast = 1 << (length - 1).bit_length()
    triangles = _triangles(fast, rate, bands, low, min(high, rate / 2))
    taper = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    cosines = np.cos(np.pi / bands * np.outer(np.arange(bands) + 0.5, np.arange(coefficients)))
    cosines *= np.where(np.arange(coefficients) == 0, math.sqrt(1 / bands), math.sqrt(2 / bands))
    unit = np.float32(1 / 32768 if sounds.dtype == np.int16 else 1)
    frames = 1 + (rows.shape[1] - length) // step
    made = np.empty((len(rows), frames, coefficients), np.float32)
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start:start + _AT_ONCE].astype(np.float32) * unit
        cut = np.lib.stride_tricks.sliding_window_view(part, length, axis=1)[:, ::step]
        spectrum = np.fft.rfft(cut * taper, fast)
        power = spectrum.real**2 + spectrum.imag**2
        made[start:start + len(part)] = np.log(power @ triangles + 1e-6) @ cosines
        if report is not None:
            report(min(start + _AT_ONCE, len(rows)), len(rows))
    return made[0] if sounds.ndim == 1 else made.reshape(*sounds.shape[:2], frames, coefficients)


def _triangles(fast, rate, bands, low, high):
    """The weight of each frequency of a spectrum in each band, (fast / 2 + 1, bands)."""
    if not 0 <= low < high:
        raise ValueError(f"mfcc: low must be below high (at most half the rate), got {low:g} and {high:g}")

    def mel(f):
        return 1127 * np.log1p(np.asarray(f) / 700)

    corners = np.linspace(mel(low), mel(high), bands + 2)
    places = mel(np.arange(fast // 2 + 1) * rate / fast)[:, None]
    rising = (places - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - places) / (corners[2:] - corners[1:-1])
    return np.maximum(0, np.minimum(rising, falling))


# What `--features` may name: a function of sounds and their rate.
FEATURES = {"mfcc": mfcc}


def featured(name, sounds, rate, **options):
    """Features of sounds by the name of their kind, or the sounds themselves for None and "none"."""
    if name in (None, "none"):
        return sounds
    if name not in FEATURES:
        raise DataError(f"features must be one of {', '.join(FEATURES)}, got {name!r}")
    return FEATURES[name](sounds, rate, **options)
