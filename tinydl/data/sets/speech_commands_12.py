"""Speech Commands with twelve classes: ten spoken words, other words, and silence."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import path_of
from tinydl._files import open_file
from tinydl.data import cache
from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.data.features import featured
from tinydl.data.keywords import COUNTS, NAMES, PARTS, RATE, SOUNDS, convert
from tinydl.data.npz import read_header
from tinydl.data.registry import File, Source, register

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import Path, Report, Split

__all__ = ["load_speech_commands"]

_ARCHIVE = File("speech_commands_v0.02.tar.gz", "6b74f3901214cb2c2934e98196829835")


def load_speech_commands(folder: Path, features: Literal["mfcc", "none"] | None = None, *,
                         report: Report | None = None) -> Split:
    """Speech Commands, second version: sounds of one second in the usual twelve classes.

    Ten words, "unknown" for the 25 other words, and "silence". Training, validation and test parts are the published
    ones, by which no speaker is in two of them. In each part there are a tenth as many sounds of unknown words (those
    with the smallest crc32 of their names) and of silence (seconds of the recordings of noise, of random loudness; the
    parts take theirs from different stretches) as sounds of the ten words: 36,923, 4,445 and 4,890 sounds in all.

    Parameters
    ----------
    folder : path-like
        Holds ``speech-commands-12.npy`` and ``.json``, which a download leaves, or the published archive
        ``speech_commands_v0.02.tar.gz``, from which they are made beside it; ``speech-commands/`` and
        ``SpeechCommands/`` in it are tried too.
    features : {'mfcc', 'none'}, optional
        Pictures (N, 1, 49, 10) of cepstral coefficients instead of sounds, as `data.mfcc` makes them; they are kept
        beside the sounds.
    report : callable, optional
        Called with (done, in all) while the archive is read or features are made.

    Returns
    -------
    train, test : ArrayDataset
        int16 (N, 1, 16000), a mapped file. The last ``train.about["n_valid"]`` samples of `train` are the validation
        part.

    Raises
    ------
    DataError
        Files that are missing, foreign or damaged.

    References
    ----------
    P. Warden, "Speech Commands: a dataset for limited-vocabulary speech recognition", arXiv:1804.03209, 2018. CC BY
    4.0.
    """
    place = _place(path_of(folder), report)
    sounds, counts = _read(place)
    labels = np.concatenate([np.repeat(np.arange(len(NAMES)), counts[part]) for part in PARTS])
    n_train, n_valid, _ = (sum(counts[part]) for part in PARTS)
    known = n_train + n_valid
    about = {"kind": "sounds", "rate": RATE, "n_valid": n_valid, "notes": []}
    if features in (None, "none"):
        x, scale = sounds, 1 / 32768
    else:
        x, scale = _features(place, sounds, features, report), 1.0
        about.update({"features": features, "length": RATE})
    data = ArrayDataset(x[:n_train], labels[:n_train], class_names=NAMES, scale=scale, name="speech-commands-12 train")
    measured = data.with_statistics()
    train = measured.like(x[:known], labels[:known])
    test = measured.like(x[known:], labels[known:], "speech-commands-12 test")
    train.about = about
    return train, test


def _place(folder, report):
    """The folder that holds the sounds and their counts, made from the archive where that is there."""
    places = [os.path.join(folder, sub) for sub in ("", "speech-commands", "SpeechCommands")]
    for place in places:
        if os.path.isfile(os.path.join(place, COUNTS)):
            return place
    for place in places:
        path = os.path.join(place, _ARCHIVE.name)
        if os.path.isfile(path):
            from tinydl.data.download import Incoming

            try:
                with open(path, "rb") as file:
                    size = os.path.getsize(path)
                    convert(Incoming(path, file, _ARCHIVE.md5, size, size, report), place)
            except OSError as error:
                raise DataError(f"{error.filename or path}: {error.strerror or error}") from None
            return place
    raise DataError(f"{folder}: no Speech Commands here; expected {SOUNDS} and {COUNTS}, or {_ARCHIVE.name}, in this "
                    "folder or in speech-commands (--download fetches it)")


def _read(place):
    """(sounds, {part: counts of the classes})."""
    path = os.path.join(place, COUNTS)
    try:
        with open_file(path) as file:
            found = json.loads(file.read())
        counts = {part: [int(n) for n in found["counts"][part]] for part in PARTS}
        if tuple(found["classes"]) != NAMES or any(len(n) != len(NAMES) or min(n) < 1 for n in counts.values()):
            raise ValueError("other classes")
        path = os.path.join(place, SOUNDS)
        with open_file(path) as file:
            shape, fortran, dtype = read_header(path, "what it holds", file)
            if fortran or dtype != "<i2" or shape != (sum(map(sum, counts.values())), 1, RATE):
                raise ValueError(f"{dtype} of shape {shape}")
            sounds = np.memmap(file, dtype, "r", file.tell(), shape)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; remove {COUNTS}, and they are made anew") from None
    except DataError as error:
        raise DataError(f"{error}; remove {COUNTS}, and they are made anew") from None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(f"{path}: damaged or foreign ({error}); remove {COUNTS}, and they are made anew") from None
    return sounds, counts


def _features(place, sounds, name, report):
    """Features of all sounds, kept beside them."""
    key = cache.key_of([os.path.join(place, SOUNDS)], {"features": name})
    kept = cache.read_cache(place, key)
    if kept is not None:
        return kept[0]
    x = featured(name, sounds, RATE, report=report)
    cache.write_cache(place, key, x, {})
    return x


register(
    "speech-commands-12", lambda folder, seed, features="mfcc", report=None: load_speech_commands(
        folder, features, report=report),
    {"model": "ds_cnn", "epochs": 20, "batch_size": 100, "optimizer": "adam", "lr": 3e-3},
    Source("https://storage.googleapis.com/download.tensorflow.org/data", "speech-commands", 2429, (_ARCHIVE,),
           convert, COUNTS),
    options=("features",))
