"""Labelled arrays in memory: what the readers return and the trainer takes."""

import numpy as np

__all__ = ["ArrayDataset", "DataError", "stratified_split"]

_SPLIT_STREAM = 0x5B117  # keeps the split's random numbers apart from those of shuffling
_MAX_CLASSES = 1_000_000  # that labels alone may ask for: each class has a name


class DataError(ValueError):
    """A data file or array that cannot be used; one line that names it, the offending value and the cure."""


def _dense_channels_last(images):
    """`images` with memory (N, *spatial, C): itself when it already is so, else one copy."""
    if images.ndim < 3:
        return np.ascontiguousarray(images)
    # With one channel (N, 1, H, W) row-major is channels-last as well, so a memory-mapped file stays mapped.
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 1, -1)), -1, 1)


def _check_labels(labels, images, n_classes):
    """(labels as they are stored, number of classes or None for targets of a regression)."""
    labels, n = np.asarray(labels), len(images)
    if labels.ndim == 0 or labels.dtype.kind not in "iuf":
        raise DataError(f"labels must be integers (or floats for a regression), one for each image, got {labels.dtype} "
                        f"of shape {labels.shape}")
    if len(labels) != n:
        raise DataError(f"{n} images but {len(labels)} {'targets' if labels.dtype.kind == 'f' else 'labels'}")
    if labels.dtype.kind == "f":
        return np.ascontiguousarray(labels, labels.dtype.newbyteorder("=")), None
    # Maps of labels, one for each position: of the images' size or, behind strides, of another.
    if labels.ndim == 2 and labels.shape != (n, *images.shape[2:]):
        cure = "labels.reshape(-1)" if labels.shape[1] == 1 else "labels.argmax(1), if they are one-hot rows"
        raise DataError(f"labels must be one class number per image, shape ({n},), or one per position, got shape "
                        f"{labels.shape}; turn them into numbers with {cure}")
    if labels.size:
        found = int(labels.max()) + 1
        if n_classes is None:
            if found > _MAX_CLASSES:
                where = np.argwhere(labels == labels.max())[0]
                raise DataError(f"label {found - 1} of image {where[0]} would make {found:,} classes; number them from "
                                "0 with labels = np.unique(labels, return_inverse=True)[1]")
            n_classes = found
        if found > n_classes or labels.min() < 0:
            where = tuple(np.argwhere((labels < 0) | (labels >= n_classes))[0].tolist())
            raise DataError(f"label {labels[where]} of image {where[0]} is not in 0..{n_classes - 1}")
    return np.ascontiguousarray(labels, np.int64), n_classes


class ArrayDataset:
    """Images (or signals, or rows of features) and their labels, held in memory as they were read.

    A batch is normalised when it is gathered: ``(images * scale - mean) / std`` per channel, in float32. uint8 images
    stay uint8 until then, which is a quarter of the memory.

    Parameters
    ----------
    images : array of uint8 or float, shape (N, C, H, W), (N, C, L) or (N, features)
        Kept without a copy when its memory already is channels-last (any single-channel row-major array is), else
        re-laid once. Never written to. Other integer types and bool become float32.
    labels : array of int, shape (N,), optional
        Class numbers from 0, stored as int64; or one for each position, shape (N, *positions); or float targets of a
        regression, any shape (N, ...). None for images to predict.
    class_names : sequence of str, optional
        Names of the classes; fixes their number. By default "0", "1", ... up to the largest label.
    mean, std : float or sequence of C floats, optional
        Of the scaled values (PyTorch's habit: of values from 0 to 1). Default: 0 and 1.
    scale : float, optional
        Default: 1/255 for uint8 images, else 1.
    name : str
        Shown in messages.

    Attributes
    ----------
    images, labels, class_names, mean, std, scale, name
        As above; `mean` and `std` as float64 arrays of shape (C,).

    Raises
    ------
    DataError
        Wrong rank or dtype, lengths that differ, a label out of range (the message names row and value), a zero or
        non-finite `std`, a `scale` that is not finite.
    """

    def __init__(self, images, labels=None, *, class_names=None, mean=None, std=None, scale=None, name="data"):
        images = np.asanyarray(images)
        if images.ndim not in (2, 3, 4):
            raise DataError(f"images must have shape (N, C, H, W), (N, C, L) or (N, features), got {images.shape}")
        if images.dtype.kind not in "buif":
            raise DataError(f"images must be numbers (uint8 or float), got dtype {images.dtype}")
        if images.dtype != np.uint8 and (images.dtype.kind != "f" or images.dtype.itemsize not in (4, 8)):
            images = images.astype(np.float32)
        elif not images.dtype.isnative:
            images = images.astype(images.dtype.newbyteorder("="))
        self.images = _dense_channels_last(images)
        self.class_names = None if class_names is None else tuple(str(c) for c in class_names)
        n_classes = None if class_names is None else len(self.class_names)
        if labels is None:
            self.labels = None
        else:
            self.labels, n_classes = _check_labels(labels, images, n_classes)
        if self.class_names is None and n_classes is not None:
            self.class_names = tuple(str(c) for c in range(n_classes))
        channels = images.shape[1]
        self.scale = float((1 / 255 if images.dtype == np.uint8 else 1.0) if scale is None else scale)
        self.mean = self._per_channel("mean", 0.0 if mean is None else mean, channels)
        self.std = self._per_channel("std", 1.0 if std is None else std, channels)
        if not np.isfinite(self.scale):
            raise DataError(f"scale must be a finite number, got {self.scale}")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all() and (self.std > 0).all()):
            raise DataError(f"mean must be finite and std positive, got mean {self.mean}, std {self.std}")
        self.name = name

    @staticmethod
    def _per_channel(what, value, channels):
        value = np.asarray(value, np.float64)
        if value.shape not in ((), (1,), (channels,)):
            raise DataError(f"{what} must be one number or one per channel ({channels}), got shape {value.shape}")
        return np.broadcast_to(value, (channels,)).copy()

    def __len__(self):
        return len(self.images)

    def __repr__(self):
        shape = "x".join(map(str, self.image_shape))
        classes = f", {self.n_classes} classes" if self.n_classes else ""
        return f"ArrayDataset({self.name}: {len(self):,} of {shape} {self.images.dtype}{classes})"

    @property
    def image_shape(self):
        """Shape of one image, (C, H, W), (C, L) or (features,)."""
        return self.images.shape[1:]

    @property
    def n_classes(self):
        """Number of classes, or None for a regression or without labels."""
        return None if self.class_names is None else len(self.class_names)

    def like(self, images, labels=None, name=None):
        """A dataset of other images with this one's class names and normalisation."""
        return ArrayDataset(images, labels, class_names=self.class_names, mean=self.mean, std=self.std,
                            scale=self.scale, name=self.name if name is None else name)

    def subset(self, indices, name=None):
        """The images at `indices` (or of a slice or boolean mask) with their labels, as a dataset of their own."""
        if not isinstance(indices, slice):
            indices = np.asarray(indices)
        labels = None if self.labels is None else self.labels[indices]
        return self.like(np.moveaxis(np.moveaxis(self.images, 1, -1)[indices], -1, 1), labels, name)

    def split(self, fraction=0.2, seed=0):
        """Split into (rest, held-out), the same share of every class in each; see `stratified_split`."""
        if self.labels is None:
            raise DataError(f"{self.name} has no labels to split by")
        rest, held_out = stratified_split(self.labels, fraction, seed)
        return self.subset(rest), self.subset(held_out)

    def normalised(self):
        """All images as one normalised float32 array (N, C, ...), channels-last in memory."""
        from tinydl.data.augment import gather

        return gather(self, np.arange(len(self)))

    def with_statistics(self):
        """The same data with `mean` and `std` per channel measured on it."""
        axes = (0, *range(2, self.images.ndim))
        mean = self.images.mean(axis=axes, dtype=np.float64) * self.scale
        std = self.images.std(axis=axes, dtype=np.float64) * self.scale
        std[~(std > 0)] = 1.0  # a constant channel
        return ArrayDataset(self.images, self.labels, class_names=self.class_names, mean=mean, std=std,
                            scale=self.scale, name=self.name)


def stratified_split(labels, fraction=0.2, seed=0):
    """Indices (rest, held-out) with the same share of every class held out.

    Parameters
    ----------
    labels : array, shape (N,)
        Class numbers; float targets, and labels of more axes, are split without regard to their value.
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
    groups = np.zeros(len(labels), np.int64) if labels.dtype.kind == "f" or labels.ndim != 1 else labels
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, _SPLIT_STREAM))))
    held_out = np.zeros(len(labels), bool)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        held_out[rng.permutation(members)[:round(fraction * len(members))]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
