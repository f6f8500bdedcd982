"""The batch gather, the data package's one door to the kernels, and augmented batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._core import augment as kernels
from tinydl.config import team
from tinydl.data.augmentations import AUGMENTATIONS, Scene, checked, from_words, mix, stream
from tinydl.data.dataset import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Literal

    from tinydl._types import Shape
    from tinydl.data.dataset import ArrayDataset

__all__ = ["Augment", "as_augment", "gather"]

_AUGMENT_STREAM = 0xA06
_MIRROR_STREAM = 0xA11  # of mirroring by turns, which is drawn once for all epochs
_MIRRORED, _REFLECTED = 1, 2  # bits of a picture's mode


def gather(data, indices, offsets=None, modes=None):
    """The images of `data` at `indices`, normalised.

    Parameters
    ----------
    data : ArrayDataset
    indices : array of int, shape (B,)
    offsets : array of int32, shape (B, 2), optional
        Rows and columns by which each picture is shifted.
    modes : array of uint8, shape (B,), optional
        Bit 1: the picture is mirrored, after the shift. Bit 2: what the shift brings in is the picture reflected at its
        edge pixels; else it is 0 before normalisation.

    Returns
    -------
    array of float32, shape (B, C, H, W), (B, C, L) or (B, features)
        ``(images[indices] * scale - mean) / std``, channels-last in memory.
    """
    indices = np.ascontiguousarray(indices, np.int64)
    scale = (data.scale / data.std).astype(np.float32)
    shift = (-data.mean / data.std).astype(np.float32)
    images = data.images
    out = layout.empty((len(indices), *images.shape[1:]), np.float32)
    laid = images.ndim < 3 or np.moveaxis(images, 1, -1).flags.c_contiguous  # not so a mapped file of colour
    if images.dtype not in (np.uint8, np.float32) or not laid:  # float64: the kernel converts only from bytes
        images, indices = _take(images, indices), np.arange(len(indices))
    if images.ndim == 2:  # features are the channels of a signal of length 1
        kernels.gather(images[:, :, None], indices, scale, shift, None, None, out[:, :, None], team())
    else:
        kernels.gather(images, indices, scale, shift, offsets, modes, out, team())
    return out


def _take(images, indices):
    """``images[indices]`` in float32, channels-last."""
    rows = np.moveaxis(images, 1, -1)
    if images.ndim > 2 and not rows.flags.c_contiguous:  # np.take would copy all of it first
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(images[indices], 1, -1), np.float32), -1, 1)
    return np.moveaxis(np.take(rows, indices, axis=0).astype(np.float32), -1, 1) if images.ndim > 2 \
        else np.take(images, indices, axis=0).astype(np.float32)


class Augment:
    """Random changes of training samples: shifts, mirroring, rotation, noise, mixtures and others.

    The numbers follow from (seed, epoch, sample) alone, so they depend neither on batches nor on threads, and a resumed
    run draws the same.

    Parameters
    ----------
    shift : int
        Largest shift in pixels, up, down, left and right, or of a signal in time. (The usual crop from a picture padded
        by `shift`.)
    mirror : bool or 'alternate'
        Mirror left and right with probability 1/2. 'alternate' mirrors each picture with probability 1/2 in the first
        epoch and then in every other epoch, so that two epochs in a row see both of its sides.
    padding : {'zeros', 'reflect'}
        What a shift or a rotation brings in: 0 before normalisation, or the picture reflected at its edge pixels, as
        ``numpy.pad(..., mode='reflect')``.
    functions : sequence of callable
        Changes of one's own, after all others: ``f(x, y, rng) -> (x, y)`` of a batch as the net and the loss would get
        it, with random numbers that follow from (seed, epoch, batch).
    **others
        Augmentations of `tinydl.data.augmentations.AUGMENTATIONS` by name, 0 for none: rotate, scale, brightness,
        contrast, noise, cutout, mixup, cutmix. They come in this order after shift and mirror. mixup and cutmix take
        the other sample from anywhere in the data set and make labels soft: probabilities of the classes (B, classes),
        which `nn.CrossEntropyLoss` takes, of other targets means.

    Raises
    ------
    ValueError, TypeError
        A value that cannot be; a name that there is not.

    References
    ----------
    'alternate': K. Jordan, arXiv:2404.00498.

    Examples
    --------
    >>> trainer.fit(train, augment=td.data.Augment(shift=2, mirror=False, rotate=10, cutout=8))
    """

    def __init__(self, shift: int = 4, mirror: bool | Literal["alternate"] = True,
                 padding: Literal["zeros", "reflect"] = "zeros", functions: Sequence[Callable[..., Any]] = (),
                 **others: Any) -> None:
        given = checked({"shift": shift, "mirror": mirror, "padding": padding, **others})
        self.shift, self.mirror, self.padding = (given.pop(name) for name in ("shift", "mirror", "padding"))
        self._others = {name: given[name] for name in AUGMENTATIONS if given.get(name)}
        vars(self).update(self._others)
        if functions:
            self.functions = list(functions)
            if not all(map(callable, self.functions)):
                raise TypeError(f"functions must be callables f(x, y, rng) -> (x, y), got {functions!r}")

    def __repr__(self) -> str:
        parts = {"shift": self.shift, "mirror": self.mirror}
        if self.padding != "zeros":
            parts["padding"] = self.padding
        if hasattr(self, "functions"):
            parts["functions"] = self.functions
        return f"Augment({', '.join(f'{name}={value!r}' for name, value in {**parts, **self._others}.items())})"

    @property
    def settings(self) -> dict[str, Any]:
        """What is on, by name, without functions."""
        own = {"shift": self.shift, "mirror": self.mirror}
        return {**{name: value for name, value in own.items() if value}, "padding": self.padding, **self._others}

    @property
    def changes_labels(self) -> bool:
        """Whether labels of a batch may be others than those of its samples."""
        return hasattr(self, "functions") or bool(self._mixed)

    @property
    def _mixed(self):
        return [name for name in ("mixup", "cutmix") if name in self._others]

    def check(self, shape: Shape, labels: Any) -> None:
        """Raise DataError when samples of a shape, without the first axis, and labels cannot be augmented so."""
        kinds = {4: "pictures", 3: "signals", 2: "rows of features"}
        for name in self.settings:
            axes = AUGMENTATIONS[name].axes
            if len(shape) + 1 not in axes:
                raise DataError(f"augment: {name} is for {' and '.join(kinds[k] for k in axes)}, not for samples of "
                                f"shape {tuple(shape)}; leave it out, as in Augment(shift=0, mirror=False)")
        if not self._mixed:
            return
        if labels is None or labels.ndim > 2 or (labels.ndim == 2 and labels.dtype.kind in "iu" and (labels > 1).any()):
            got = "no labels" if labels is None else f"labels of shape {labels.shape}"
            raise DataError(f"augment: {self._mixed[0]} mixes class numbers (N,), rows of 0 and 1 or targets (N, K), "
                            f"got {got}")

    def draw(self, n: int, seed: int, epoch: int) -> Any:
        """(offsets, modes) for all `n` samples of an epoch, as `gather` takes them; None for what is off."""
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, _AUGMENT_STREAM, epoch))))
        offsets = rng.integers(-self.shift, self.shift, (n, 2), np.int32, endpoint=True) if self.shift else None
        modes = None
        if self.mirror == "alternate":
            rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, _MIRROR_STREAM))))
            modes = rng.integers(0, 2, n, np.uint8) ^ np.uint8(epoch % 2)
        elif self.mirror:
            modes = rng.integers(0, 2, n, np.uint8)
        if self.padding == "reflect" and self.shift:
            modes = np.full(n, _REFLECTED, np.uint8) if modes is None else modes | np.uint8(_REFLECTED)
        return offsets, modes

    def begin(self, data: ArrayDataset, seed: int, epoch: int) -> Any:
        """A function that makes the batches of an epoch: ``f(chosen, index, part=0)`` gives (x, y) of the samples at
        `chosen`, which are batch number `index`, or part number `part` of it."""
        return _Epoch(self, data, seed, epoch)


class _Epoch:
    """The samples of an epoch, each changed as was drawn for it."""

    def __init__(self, augment, data, seed, epoch):
        self.data, self.seed, self.epoch, self.settings = data, seed, epoch, augment.settings
        self.functions = getattr(augment, "functions", ())
        n = len(data)
        self.offsets, self.modes = augment.draw(n, seed, epoch)
        if self.offsets is not None and data.images.ndim == 3:
            self.offsets[:, 0] = 0
        rows = {name: AUGMENTATIONS[name] for name in self.settings}
        self.drawn = {name: row.draw(stream(name, seed, epoch), n, self.settings[name])
                      for name, row in rows.items() if row.draw is not None}
        self.changes = {}  # a function: the names that it does
        for name, row in rows.items():
            if row.change is not None:
                self.changes.setdefault(row.change, []).append(name)
        self.mixed = augment._mixed
        self.partners = stream("partner", seed, epoch).permutation(n) if self.mixed else None

    def __call__(self, chosen, index, part=0):
        x, labels = self._changed(chosen), self.data.labels
        y = None if labels is None else labels[chosen]
        if self.mixed:
            others = self.partners[chosen]
            drawn = {name: self.drawn[name][chosen] for name in self.mixed}
            share = mix(_rows(x), _rows(self._changed(others)), **drawn)
            y = _soft(labels, chosen, others, share, self.data.n_classes)
        place = (index, part) if part else (index,)
        rng = stream("functions", self.seed, self.epoch, *place) if self.functions else None
        for function in self.functions:
            x, y = _checked_batch(function, function(x, y, rng), len(chosen))
        return x, y

    def _changed(self, chosen):
        """The samples at `chosen`, before they are mixed with others."""
        x = gather(self.data, chosen, None if self.offsets is None else self.offsets[chosen],
                   None if self.modes is None else self.modes[chosen])
        if self.changes:
            scene = Scene(self.settings, chosen, (-self.data.mean / self.data.std).astype(np.float32), self.seed,
                          self.epoch)
            for change, names in self.changes.items():
                change(_rows(x), scene, **{name: self.drawn[name][chosen] for name in names if name in self.drawn})
        return x


def _rows(x):
    """A batch as (B, H, W, C), a view."""
    rows = np.moveaxis(x, 1, -1)
    return rows.reshape(len(x), *(1,) * (4 - x.ndim), *rows.shape[1:])


def _soft(labels, chosen, others, share, n_classes):
    """Targets of mixed samples: probabilities of the classes where there are class numbers, else means."""
    own = share.reshape(-1, *(1,) * (labels.ndim - 1))
    if labels.ndim > 1 or labels.dtype.kind == "f":
        return (own * labels[chosen] + (1 - own) * labels[others]).astype(np.float32)
    soft = np.zeros((len(chosen), n_classes), np.float32)
    rows = np.arange(len(chosen))
    soft[rows, labels[chosen]] = share
    soft[rows, labels[others]] += 1 - share
    return soft


def _checked_batch(function, batch, n):
    """What a function of the user's returned, if it is a batch of n samples."""
    name = getattr(function, "__qualname__", type(function).__name__)
    if not isinstance(batch, tuple) or len(batch) != 2:
        raise TypeError(f"augment: {name} must return a batch (x, y), got {type(batch).__name__}")
    x, y = np.asarray(batch[0]), None if batch[1] is None else np.asarray(batch[1])
    if x.dtype.kind != "f" or x.shape[:1] != (n,) or (y is not None and y.shape[:1] != (n,)):
        raise ValueError(f"augment: {name} must return x of floats and y of {n} samples, got {x.dtype} of shape "
                         f"{x.shape} and {'no y' if y is None else f'shape {y.shape}'}")
    return x.astype(np.float32, copy=False), y


def as_augment(value):
    """What `augment=` takes, as an Augment or None: that, words as on the command line, or a function f(x, y, rng)."""
    if value is None or isinstance(value, Augment):
        return value
    if isinstance(value, str):
        settings = from_words(value)
        return Augment(**settings) if settings else None
    if callable(value):
        return Augment(0, False, functions=[value])
    raise TypeError("augment must be a tinydl.data.Augment, words such as 'shift=4,mirror', a function f(x, y, rng) or "
                    f"None, got {value!r}")
