"""WAV files, one folder a class."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import integer, number, path_of
from tinydl.data.dataset import DataError
from tinydl.data.features import featured
from tinydl.data.folders import each, part_datasets, scan
from tinydl.data.registry import register
from tinydl.data.wav import read_wav

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import Path, Report, Split

__all__ = ["EXTENSIONS", "fitted", "load_wav_folder"]

EXTENSIONS = (".wav",)
_APART = 64    # times that one rate may be another: a damaged header says any
_TERMS = 4096  # of the ratio of two rates, as the filter has 20 times as many; more are rounded, by 1/8192 at most


def fitted(path, samples, rate, channels, length, wanted_rate):
    """Samples of a file as (channels, length) at another rate: mixed down, resampled, cut or filled with silence.

    A longer sound loses both ends, a shorter one gets silence at its end.
    """
    if len(samples) != channels:
        if channels != 1:
            raise DataError(f"{path}: {len(samples)} channels, the others have {channels}")
        samples = samples.mean(axis=0, keepdims=True)
    if rate != wanted_rate:
        samples = _resampled(path, samples, rate, wanted_rate)
    if length is None or samples.shape[1] == length:
        return samples
    if samples.shape[1] > length:
        start = (samples.shape[1] - length) // 2
        return samples[:, start:start + length]
    return np.pad(samples, ((0, 0), (0, length - samples.shape[1])))


def _resampled(path, samples, rate, wanted):
    try:
        from scipy.signal import resample_poly
    except ImportError:
        from tinydl._name import how_to_install

        raise DataError(f"{path}: {rate:,} samples a second where {wanted:,} are wanted, and resampling needs SciPy: "
                        f"{how_to_install('sound')}") from None
    ratio = Fraction(wanted, rate)
    if not 1 / _APART <= ratio <= _APART:
        raise DataError(f"{path}: {rate:,} samples a second cannot be brought to {wanted:,}")
    ratio = ratio.limit_denominator(int(_TERMS / max(1, ratio)))
    return resample_poly(samples, ratio.numerator, ratio.denominator, axis=1).astype(np.float32)


def load_wav_folder(folder: Path, rate: int | None = None, seconds: float | None = None,
                    features: Literal["mfcc", "none"] | None = None, *, test_fraction: float = 0.2, seed: int = 0,
                    report: Report | None = None) -> Split:
    """Sounds and labels from a folder that holds one folder a class.

    Parameters
    ----------
    folder : path-like
        ``folder/CLASS/any name.wav``, or these in ``folder/train`` and ``folder/test`` (or ``val``).
    rate : int, optional
        Samples a second; other rates are resampled (SciPy). Default: the commonest.
    seconds : float, optional
        Length; longer sounds lose both ends, shorter ones get silence. Default: the commonest length.
    features : {'mfcc', 'none'}, optional
        What the sounds become: pictures (N, C, frames, 10) of cepstral coefficients, see `mfcc`. Default: none.
    test_fraction, seed
        The share of each class that is held out where there is no test folder, and which.
    report : callable, optional
        Called with (files done, files in all).

    Returns
    -------
    train, test : ArrayDataset
        Signals (N, C, L) of float32, one channel unless all files have the same number of more, normalised by mean and
        standard deviation of the training signals.

    Raises
    ------
    DataError
        No folder, no classes or a single one, files that cannot be read, other rates without SciPy.
    """
    folder = path_of(folder)
    rate = None if rate is None else integer("load_wav_folder", "rate", rate, 1)
    seconds = None if seconds is None else number("load_wav_folder", "seconds", seconds, open_low=True)
    layout = scan(folder, EXTENSIONS, "WAV files")
    sounds = each(read_wav, layout.files, report)
    for sound in sounds:
        if isinstance(sound, DataError):
            raise sound
    rates = Counter(r for _, r in sounds)
    wanted = rate or _commonest(rates)
    channels = Counter(len(samples) for samples, _ in sounds)
    n_channels = next(iter(channels)) if len(channels) == 1 else 1
    sounds = [fitted(path, samples, r, n_channels, None, wanted)
              for path, (samples, r) in zip(layout.files, sounds, strict=True)]
    lengths = Counter(samples.shape[1] for samples in sounds)
    length = max(1, round(seconds * wanted)) if seconds else _commonest(lengths)
    signals = np.stack([fitted(None, samples, wanted, n_channels, length, wanted) for samples in sounds])
    notes = [*layout.notes, f"{length / wanted:g} s of {wanted:,} samples a second"]
    if set(rates) != {wanted}:
        notes.append(f"{len(sounds) - rates[wanted]} files resampled to {wanted:,} samples a second")
    if len(channels) > 1:
        notes.append(f"{len(sounds) - channels[1]} files of several channels mixed down to one")
    if set(lengths) != {length}:
        notes.append(f"{len(sounds) - lengths[length]} files of {min(lengths) / wanted:g} to "
                     f"{max(lengths) / wanted:g} s cut, or filled with silence (--seconds takes another length)")
    try:
        pictures = featured(features, signals, wanted)
    except DataError as error:
        raise DataError(f"{folder}: {error}") from None
    train, test = part_datasets(folder, pictures, layout, test_fraction, seed)
    train.about = {"kind": "sounds", "rate": wanted, "notes": notes}
    if pictures is not signals:
        train.about.update({"features": features, "length": length})
    return train, test


def _commonest(counts):
    """The commonest number, the largest of equally common ones."""
    return max(counts.items(), key=lambda item: (item[1], item[0]))[0]


register("DIR", lambda path, seed, **options: load_wav_folder(path, seed=seed, **options), {},
         options=("rate", "seconds", "features"), kind="sounds", extensions=EXTENSIONS)
