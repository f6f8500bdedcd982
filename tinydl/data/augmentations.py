"""Random changes of training samples: one table of what there is, and what each does to a batch.

A batch is (B, H, W, C) here, whatever its samples are: a signal has height 1, a row of features height and width 1. It
is float32, normalised, and changed in place; nothing of a sample depends on the batch that it is in.
"""

import math
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinydl._check import index_of, meant
from tinydl._core import warp as kernels
from tinydl.config import team

__all__ = ["AUGMENTATIONS", "Augmentation", "Scene", "checked", "from_words", "mix", "stream", "usual_words"]


class Scene(NamedTuple):
    """What a change knows of a batch besides what was drawn for it.

    Attributes
    ----------
    settings : dict
        Augmentations that are on, by name.
    samples : array of int64, shape (B,)
        Numbers of the samples in their data set.
    black : array of float32, shape (C,)
        What 0 is after normalisation.
    seed, epoch : int
    """

    settings: dict
    samples: np.ndarray
    black: np.ndarray
    seed: int
    epoch: int


def stream(name, seed, *place):
    """The random numbers of an augmentation at a place: the epoch, or epoch and batch."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, zlib.crc32(name.encode()), *place))))


# --- turned and scaled ---------------------------------------------------------------------------------------------

def _warp(batch, scene, rotate=None, scale=None):
    """Turned by `rotate` (radians, anticlockwise) and enlarged by `scale` about the centre, interpolated bilinearly."""
    angle, zoom = np.zeros(len(batch)) if rotate is None else rotate, 1.0 if scale is None else scale
    pictures = np.moveaxis(batch, -1, 1)
    kernels.warp(pictures.copy(order="K"), np.stack([np.cos(angle) / zoom, np.sin(angle) / zoom], axis=1), scene.black,
                 pictures, scene.settings.get("padding") == "reflect", team())


# --- light, noise, holes -------------------------------------------------------------------------------------------

def _tone(batch, scene, brightness=None, contrast=None):
    """Deviations from each channel's mean times `contrast`; then all, as it was before normalisation, `brightness`."""
    if contrast is not None:
        for sample, factor in zip(batch, contrast.astype(np.float32), strict=True):
            mean = sample.reshape(-1, sample.shape[-1]).mean(axis=0, dtype=np.float64).astype(np.float32)
            sample -= mean
            sample *= factor
            sample += mean
    if brightness is not None:
        batch -= scene.black
        batch *= brightness.astype(np.float32)[:, None, None, None]
        batch += scene.black


def _noise(batch, scene):
    """Normal numbers added; each sample has a counter of its own in the stream of the epoch."""
    rng = stream("noise", scene.seed, scene.epoch)
    bits, state = rng.bit_generator, rng.bit_generator.state
    deviation = np.float32(scene.settings["noise"])
    for sample, number in zip(batch, scene.samples, strict=True):
        state["state"]["counter"][:] = 0, 0, number, 0
        bits.state = state
        sample += deviation * rng.standard_normal(sample.shape, np.float32)


def _box(place, size, shape):
    """Slices of a box of `size` about a drawn place (from 0 to 1 each way), cut off at the edges."""
    parts = []
    for at, side, length in zip(place, size, shape, strict=True):
        begin = int(at * length) - side // 2
        parts.append(slice(max(0, begin), max(0, min(length, begin + side))))
    return tuple(parts)


def _cutout(batch, scene, cutout):
    """A square about a random pixel becomes the mean of the data, 0."""
    side = scene.settings["cutout"]
    for sample, place in zip(batch, cutout, strict=True):
        sample[_box(place, (side, side), sample.shape[:2])] = 0


# --- two samples in one --------------------------------------------------------------------------------------------

def mix(batch, others, mixup=None, cutmix=None):
    """Put other samples into those of a batch; with both ways on, each sample takes one of them at random.

    Parameters
    ----------
    batch, others : array of float32, shape (B, H, W, C)
        `batch` is changed.
    mixup : array, shape (B, 2), optional
        The share of the batch's own sample, and what chooses between the ways.
    cutmix : array, shape (B, 3), optional
        The share, and where the middle of the other sample's box is.

    Returns
    -------
    array of float32, shape (B,)
        The share of its own that each sample still has.
    """
    share = np.ones(len(batch), np.float32)
    height, width = batch.shape[1:3]
    for k in range(len(batch)):
        if cutmix is None or (mixup is not None and mixup[k, 1] < 0.5):
            share[k] = mixup[k, 0]
            batch[k] *= share[k]
            batch[k] += (1 - share[k]) * others[k]
            continue
        side = math.sqrt(1 - cutmix[k, 0]) if height > 1 else 1 - cutmix[k, 0]
        box = _box(cutmix[k, 1:], (max(1, int(height * side)), int(width * side)), (height, width))
        batch[k][box] = others[k][box]
        share[k] = 1 - batch[k, ..., 0][box].size / (height * width)
    return share


# --- the table -----------------------------------------------------------------------------------------------------

class Augmentation(NamedTuple):
    """A row of the table.

    Attributes
    ----------
    about : str
        What it does, for the documentation.
    example : object
        A value that is usual.
    axes : tuple of int
        Axes of the data that it is for: 4 for pictures, 3 for signals, 2 for rows of features.
    check : callable
        The value as it is kept, from one that a user gave; ValueError.
    draw : callable, optional
        ``draw(rng, n, value)``: random numbers of all n samples of an epoch, in an array of length n.
    change : callable, optional
        ``change(batch, scene, **{name: drawn})``. Rows that share it are done in one call. None: the gather does it, or
        `mix`.
    """

    about: str
    example: Any
    axes: tuple
    check: Callable
    draw: Callable | None = None
    change: Callable | None = None


def _pixels(name):
    def check(value):
        pixels = index_of(value)
        if pixels is None or not 0 <= pixels < 2**31:
            raise ValueError(f"{name} must be a number of pixels, 0 or more, got {value!r}")
        return pixels
    return check


def _amount(name, limit, what):
    def check(value):
        number = value if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) else math.nan
        if not 0 <= number <= limit:
            raise ValueError(f"{name} must be {what} from 0 to {limit:g}, got {value!r}")
        return float(number)
    return check


def _mirror(value):
    if value != "alternate" and value not in (False, True):
        raise ValueError(f"mirror must be True, False or 'alternate', got {value!r}")
    return value if value == "alternate" else bool(value)


def _padding(value):
    if value not in ("zeros", "reflect"):
        raise ValueError(f"padding must be 'zeros' or 'reflect', got {value!r}")
    return value


def _spread(around):
    return lambda rng, n, value: rng.uniform(around - value, around + value, n)


PICTURES, SIGNALS, ROWS = 4, 3, 2
AUGMENTATIONS = {
    "shift": Augmentation("moved by so many pixels at most each way; signals in time", 4, (PICTURES, SIGNALS),
                          _pixels("shift")),
    "mirror": Augmentation("left and right exchanged at random, or by turns: mirror=alternate", True, (PICTURES,),
                           _mirror),
    "padding": Augmentation("what comes in at the edges: zeros (black) or reflect", "reflect",
                            (PICTURES, SIGNALS, ROWS), _padding),
    "rotate": Augmentation("turned by so many degrees at most", 10, (PICTURES,), _amount("rotate", 180, "degrees"),
                           lambda rng, n, value: np.deg2rad(rng.uniform(-value, value, n)), _warp),
    "scale": Augmentation("enlarged by 1 - scale to 1 + scale", 0.1, (PICTURES,), _amount("scale", 0.9, "a share"),
                          _spread(1), _warp),
    "brightness": Augmentation("times 1 - brightness to 1 + brightness", 0.2, (PICTURES,),
                               _amount("brightness", 1, "a share"), _spread(1), _tone),
    "contrast": Augmentation("deviations from the mean of the picture times 1 - contrast to 1 + contrast", 0.2,
                             (PICTURES,), _amount("contrast", 1, "a share"), _spread(1), _tone),
    "noise": Augmentation("normal numbers of this standard deviation added, in the units of normalised data", 0.1,
                          (PICTURES, SIGNALS, ROWS), _amount("noise", 1e6, "a standard deviation"), None, _noise),
    "cutout": Augmentation("a square of this side, of a signal a span, set to the mean (arXiv:1708.04552)", 8,
                           (PICTURES, SIGNALS), _pixels("cutout"), lambda rng, n, value: rng.random((n, 2)), _cutout),
    "mixup": Augmentation("mixed with another sample, labels too, by Beta(mixup, mixup) (arXiv:1710.09412)", 0.2,
                          (PICTURES, SIGNALS, ROWS), _amount("mixup", 100, "a number"),
                          lambda rng, n, value: np.stack([rng.beta(value, value, n), rng.random(n)], axis=1)),
    "cutmix": Augmentation("a box of another sample put in, labels mixed by area, Beta(cutmix, cutmix) "
                           "(arXiv:1905.04899)", 1, (PICTURES, SIGNALS), _amount("cutmix", 100, "a number"),
                           lambda rng, n, value: np.column_stack([rng.beta(value, value, n), rng.random((n, 2))])),
}


def checked(settings):
    """Settings by name as they are kept.

    Raises
    ------
    TypeError
        A name that the table does not have.
    ValueError
        A value that cannot be.
    """
    for name in settings:
        if name not in AUGMENTATIONS:
            raise TypeError(f"{name!r} is no augmentation; {meant(name, AUGMENTATIONS)}there are "
                            + ", ".join(AUGMENTATIONS))
    return {name: AUGMENTATIONS[name].check(value) for name, value in settings.items()}


def usual_words():
    """Words for `from_words` with a usual value of each row of the table."""
    return ",".join(name if row.example is True else f"{name}={row.example}" for name, row in AUGMENTATIONS.items())


def _value(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return {"true": True, "false": False}.get(text, text)


def from_words(text):
    """Settings of `Augment` from words such as "shift=4,mirror,rotate=10"; {} from "none".

    Raises
    ------
    ValueError
        A word that is no augmentation, or a value that cannot be.
    """
    if text == "none":
        return {}
    given = {"shift": 0, "mirror": False}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        try:
            given.update(checked({name: _value(value) if equals else True}))
        except TypeError as error:
            raise ValueError(f"{error}, or none") from None
    return given
