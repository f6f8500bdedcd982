"""Labelled arrays in memory: what the readers return and the trainer takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import _html
from tinydl._check import integer, number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tinydl._types import Array, ArrayLike, Floats, Shape, Split

__all__ = ["ArrayDataset", "DataError", "stratified_split"]

_SPLIT_STREAM = 0x5B117  # keeps the split's random numbers apart from those of shuffling
_KEPT = ("u1", "i2", "f4", "f8")  # types in which images stay: of files of pictures, of sounds, of NumPy
_AT_ONCE = 1 << 20  # elements whose sums are taken together
_MANY_CLASSES = 10_000  # from here on, labels of which most do not occur are taken for something else


class DataError(ValueError):
    """A data file or array that cannot be used; one line that names it, the offending value and the cure."""


def _number(name, value):
    """A finite number, or DataError."""
    try:
        return number("ArrayDataset", name, value, -math.inf, open_low=True)
    except (TypeError, ValueError) as error:
        raise DataError(str(error)) from None


def _dense_channels_last(images):
    """`images` with memory (N, *spatial, C): itself when it already is so, else one copy.

    A mapped file is itself in any order: it may be larger than memory, and each batch is laid when it is taken.
    """
    if isinstance(images, np.memmap):
        return images
    if images.ndim < 3:
        return np.ascontiguousarray(images)
    # With one channel (N, 1, H, W) row-major is channels-last as well, so a memory-mapped file stays mapped.
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 1, -1)), -1, 1)


def _shown(values):
    """The first few of some numbers."""
    return ", ".join(map(str, values[:5].tolist())) + (", ..." if len(values) > 5 else "")


def _cure(labels, n):
    """How labels of a shape that cannot be class numbers become what they are meant to be."""
    if labels.size == n:
        return "; make them flat with labels.reshape(-1)"
    if labels.ndim > 2 and labels.shape[1] == 1:
        return "; masks have no axis of channels: labels[:, 0]"
    if labels.ndim != 2:
        return ""
    if labels.dtype.kind in "biu" and labels.size and labels.min() >= 0 and labels.max() <= 1:
        if (labels.sum(axis=1) == 1).all():
            return "; turn one-hot rows into numbers with labels.argmax(1)"
        return ("; several classes of one image are targets for BCEWithLogitsLoss, as floats: "
                "labels.astype('float32')")
    return "; targets of a regression are floats: labels.astype('float32')"


def _check_labels(labels, images, n_classes, ignore_index):
    """(labels as int64 or as float targets, number of classes or None)."""
    labels = np.asarray(labels)
    n = len(images)
    if labels.dtype.kind == "f":
        if labels.ndim == 0 or len(labels) != n:
            raise DataError(f"{n} images but {len(labels) if labels.ndim else 'no'} targets")
        return np.ascontiguousarray(labels, labels.dtype.newbyteorder("=")), None
    # A mask has a class at every place of its image. That of a picture may be smaller than the picture, that of a
    # signal could then be a one-hot row.
    mask = images.ndim > 2 and (labels.ndim == 3 or (images.ndim == 3 and labels.shape == (n, images.shape[2])))
    if labels.ndim != 1 and not mask:
        raise DataError(f"labels must be one class number per image, shape ({n},), got shape {labels.shape}"
                        + _cure(labels, n))
    if labels.dtype.kind not in "iu":
        raise DataError(f"labels must be integers (or floats for a regression), got dtype {labels.dtype}")
    if len(labels) != n:
        raise DataError(f"{n} images but {len(labels)} labels")
    counted = labels if ignore_index is None else labels[labels != ignore_index]
    if counted.size:
        if n_classes is None:
            n_classes = _number_of_classes(counted)
        wrong = (labels < 0) | (labels >= n_classes)
        if ignore_index is not None:
            wrong &= labels != ignore_index
        bad = np.argwhere(wrong)
        if len(bad):
            image, *place = bad[0].tolist()
            raise DataError(f"label {labels[tuple(bad[0])]} of image {image}"
                            + (f" at {tuple(place)}" if place else "") + f" is not in 0..{n_classes - 1}")
    return np.ascontiguousarray(labels, np.int64), n_classes


def _number_of_classes(labels):
    """One more than the largest label; numbers that cannot number classes are refused."""
    largest = int(labels.max())
    if largest >= _MANY_CLASSES:
        present = np.unique(labels)
        if 10 * len(present) <= largest:
            raise DataError(f"labels reach {largest}, but only {len(present):,} classes occur ({_shown(present)}); "
                            "number them from 0 with numpy.unique(labels, return_inverse=True)[1], or say how many "
                            "there are with class_names")
    return max(1, largest + 1)


def _moments(images):
    """Mean and standard deviation per channel, float64; of integers from exact sums, a few images at a time."""
    axes = (0, *range(2, images.ndim))
    if images.dtype.kind == "f":
        return images.mean(axis=axes, dtype=np.float64), images.std(axis=axes, dtype=np.float64)
    channels, at_once = images.shape[1], max(1, _AT_ONCE // max(1, math.prod(images.shape[1:])))
    sums, squares = [0] * channels, [0] * channels
    for start in range(0, len(images), at_once):
        part = images[start:start + at_once].astype(np.int64)
        sums = [a + b for a, b in zip(sums, part.sum(axis=axes).tolist(), strict=True)]
        squares = [a + b for a, b in zip(squares, (part * part).sum(axis=axes).tolist(), strict=True)]
    n = max(1, images.size // max(1, channels))
    return (np.array([a / n for a in sums]),
            np.array([math.sqrt((n * b - a * a) / (n * n)) for a, b in zip(sums, squares, strict=True)]))


class ArrayDataset:
    """Images (or signals, or rows of features) and their labels, held in memory as they were read.

    A batch is normalised when it is gathered: ``(images * scale - mean) / std`` per channel, in float32. uint8 images
    stay uint8 until then, which is a quarter of the memory, int16 sounds int16.

    Parameters
    ----------
    images : array of uint8, int16 or float, shape (N, C, H, W), (N, C, L) or (N, features)
        Kept without a copy when its memory already is channels-last (any single-channel row-major array is), else
        re-laid once. Never written to. Other integer types and bool become float32.
    labels : array of int, shape (N,), optional
        Class numbers from 0, stored as int64; masks of them, shape (N, H', W') for pictures or (N, L) for signals; or
        float targets of a regression or of several classes an image, any shape (N, ...). None for images to predict.
    class_names : sequence of str, optional
        Names of the classes; fixes their number. By default "0", "1", ... up to the largest label.
    mean, std : float or sequence of C floats, optional
        Of the scaled values (PyTorch's habit: of values from 0 to 1). Default: 0 and 1.
    scale : float, optional
        Default: 1/255 for uint8 images, else 1.
    name : str
        Shown in messages.
    ignore_index : int, optional
        A label outside 0..C-1 of images or pixels that have no class; the loss must have the same `ignore_index`.

    Attributes
    ----------
    images, labels, class_names, mean, std, scale, name, ignore_index
        As above; `mean` and `std` as float64 arrays of shape (C,).
    about : dict
        What its reader says of it, in words that JSON holds.

    Raises
    ------
    DataError
        Wrong rank or dtype, lengths that differ, a label out of range (the message names row and value), a zero or
        non-finite `std`, a `scale` that is zero or not finite, labels of 10,000 and more of which under a tenth occur.
    """

    def __init__(self, images: ArrayLike, labels: ArrayLike | None = None, *, class_names: Sequence[str] | None = None,
                 mean: Floats | Array | None = None, std: Floats | Array | None = None, scale: float | None = None,
                 name: str = "data", ignore_index: int | None = None) -> None:
        images = np.asanyarray(images)
        if images.ndim not in (2, 3, 4):
            raise DataError(f"images must have shape (N, C, H, W), (N, C, L) or (N, features), got {images.shape}")
        if images.dtype.kind not in "buif":
            raise DataError(f"images must be numbers (uint8 or float), got dtype {images.dtype}")
        if images.dtype.str[1:] not in _KEPT:
            images = images.astype(np.float32)
        elif not images.dtype.isnative:
            images = images.astype(images.dtype.newbyteorder("="))
        self.images = _dense_channels_last(images)
        self.class_names: tuple[str, ...] | None = None if class_names is None else tuple(str(c) for c in class_names)
        n_classes = None if self.class_names is None else len(self.class_names)
        self.ignore_index = None if ignore_index is None else integer("ArrayDataset", "ignore_index", ignore_index,
                                                                      -2**31)
        if labels is None:
            self.labels = None
        else:
            self.labels, n_classes = _check_labels(labels, images, n_classes, self.ignore_index)
        self._classes_given = class_names is not None
        if self.class_names is None and n_classes is not None:
            self.class_names = tuple(str(c) for c in range(n_classes))
        channels = images.shape[1]
        self.scale = (1 / 255 if images.dtype == np.uint8 else 1.0) if scale is None else _number("scale", scale)
        if self.scale == 0:
            raise DataError("scale must not be 0, which makes all images the same")
        self.mean = self._per_channel("mean", 0.0 if mean is None else mean, channels)
        self.std = self._per_channel("std", 1.0 if std is None else std, channels)
        if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all() and (self.std > 0).all()):
            raise DataError(f"mean must be finite and std positive, got mean {self.mean}, std {self.std}")
        self.name = name
        self.about: dict[str, Any] = {}

    @staticmethod
    def _per_channel(what, value, channels):
        try:
            value = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            raise DataError(f"{what} must be one number or one per channel ({channels}), got {value!r}") from None
        if value.shape not in ((), (1,), (channels,)):
            raise DataError(f"{what} must be one number or one per channel ({channels}), got shape {value.shape}")
        return np.broadcast_to(value, (channels,)).copy()

    def __len__(self) -> int:
        return len(self.images)

    _repr_html_ = _html.dataset

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.image_shape))
        classes = f", {self.n_classes} classes" if self.n_classes else ""
        return f"ArrayDataset({self.name}: {len(self):,} of {shape} {self.images.dtype}{classes})"

    @property
    def image_shape(self) -> Shape:
        """Shape of one image, (C, H, W), (C, L) or (features,)."""
        return self.images.shape[1:]

    @property
    def n_classes(self) -> int | None:
        """Number of classes, or None for a regression or without labels."""
        return None if self.class_names is None else len(self.class_names)

    def unused_classes(self) -> Array:
        """Class numbers up to the largest label that no label has; none of them when `class_names` was given.

        Returns
        -------
        array of int64
        """
        if self.labels is None or self._classes_given or self.n_classes is None:
            return np.zeros(0, np.int64)
        return np.setdiff1d(np.arange(self.n_classes), self.labels)

    def like(self, images: ArrayLike, labels: ArrayLike | None = None, name: str | None = None) -> ArrayDataset:
        """A dataset of other images with this one's class names and normalisation."""
        return self._made(images, labels, self.name if name is None else name, self.mean, self.std)

    def _made(self, images, labels, name, mean, std):
        made = ArrayDataset(images, labels, class_names=self.class_names, mean=mean, std=std, scale=self.scale,
                            name=name, ignore_index=self.ignore_index)
        made._classes_given = self._classes_given
        return made

    def subset(self, indices: Sequence[int] | ArrayLike, name: str | None = None) -> ArrayDataset:
        """The images at `indices` (or of a slice or boolean mask) with their labels, as a dataset of their own."""
        if not isinstance(indices, slice):
            indices = np.asarray(indices)
        labels = None if self.labels is None else self.labels[indices]
        return self.like(np.moveaxis(np.moveaxis(self.images, 1, -1)[indices], -1, 1), labels, name)

    def split(self, fraction: float = 0.2, seed: int = 0) -> Split:
        """Split into (rest, held-out), the same share of every class in each; see `stratified_split`."""
        if self.labels is None:
            raise DataError(f"{self.name} has no labels to split by")
        rest, held_out = stratified_split(self.labels, fraction, seed)
        return self.subset(rest), self.subset(held_out)

    def normalised(self) -> Array:
        """All images as one normalised float32 array (N, C, ...), channels-last in memory."""
        from tinydl.data.augment import gather

        return gather(self, np.arange(len(self)))

    def with_statistics(self) -> ArrayDataset:
        """The same data with `mean` and `std` per channel measured on it."""
        mean, std = (self.scale * value for value in _moments(self.images))
        std[~(std > 0)] = 1.0  # a constant channel
        return self._made(self.images, self.labels, self.name, mean, std)


def stratified_split(labels: ArrayLike, fraction: float = 0.2, seed: int = 0) -> tuple[Array, Array]:
    """Indices (rest, held-out) with the same share of every class held out.

    Parameters
    ----------
    labels : array, shape (N,)
        Class numbers; float targets and masks are split without regard to their values.
    fraction : float
        Share held out, between 0 and 1. Each class gives ``round(fraction * its size)`` images.
    seed : int
        Fixes the choice, on every machine.

    Returns
    -------
    rest, held_out : arrays of int64, ascending
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be between 0 and 1, got {fraction}")
    labels = np.asarray(labels)
    seed = integer("stratified_split", "seed", seed, 0)
    groups = np.zeros(len(labels), np.int64) if labels.dtype.kind == "f" or labels.ndim > 1 else labels
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, _SPLIT_STREAM))))
    held_out = np.zeros(len(labels), bool)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        held_out[rng.permutation(members)[:round(fraction * len(members))]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
