"""Data that give batches by themselves: iterables, generators, and functions that make them."""

import contextlib
import itertools

import numpy as np

from tinydl._check import integer
from tinydl.data.dataset import ArrayDataset
from tinydl.tensor import Tensor
from tinydl.train.trees import leaves, mapped

__all__ = ["Stream", "gives_batches"]


def gives_batches(data):
    """Whether data are batches to iterate over (or a function that makes them) and no array-like."""
    if isinstance(data, list):  # [x, y] is a pair
        return len(data) > 0 and all(isinstance(batch, tuple) and len(batch) in (2, 3) and
                                     all(np.ndim(leaf) for leaf in leaves(batch)) for batch in data)
    if isinstance(data, (ArrayDataset, str, bytes, tuple, dict)) or hasattr(data, "shape"):
        return False
    return hasattr(data, "__iter__") or callable(data)


def _array(value):
    """A part of a batch as the net or the loss gets it; bytes are pictures and scaled to 0..1."""
    return value.data if isinstance(value, Tensor) else np.asarray(value)


def _input(value):
    array = _array(value)
    if array.dtype == np.uint8 and array.ndim > 1:
        return ArrayDataset(array).normalised()
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _target(value):
    array = _array(value)
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def _tree(value):
    """Lists in a batch are arrays; tuples and dicts are several."""
    if isinstance(value, tuple):
        return tuple(map(_tree, value))
    if isinstance(value, dict):
        return {name: _tree(part) for name, part in value.items()}
    return np.asarray(value) if isinstance(value, list) else value


class Stream:
    """Batches (x, y) or (x, y, weights) of an iterable, an iterator, or a function that returns one.

    Each epoch iterates anew; an iterator, which cannot be begun again, goes on where it is. An iterable that has an
    attribute `epoch` (as loaders do) is told the epoch, one that has `start` also the first batch; of others those that
    were done of an interrupted epoch are left out.

    Parameters
    ----------
    source : iterable or callable
        x, y: arrays or Tensors, or tuples or dicts of them; floats become float32, uint8 pictures are scaled to 0..1.
    name : str
        Shown in messages.
    steps : int, optional
        Batches that are one epoch; default: all that there are.
    labelled : bool
        Whether batches must have a y; otherwise a batch may be x alone, and y is left out.

    Attributes
    ----------
    epoch, start : int
        As in `ArrayFeed`.
    fresh : bool
        Whether an iterator stands at its beginning although epochs were done: those of a resumed run are skipped.
    total : int or None
        Batches of an epoch, when known.
    """

    classify = False  # as in Tally
    data = None

    def __init__(self, source, name, steps=None, labelled=True):
        self.source, self.name, self.labelled = source, name, labelled
        self.steps = None if steps is None else integer("Trainer.fit", "steps_per_epoch", steps)
        self.once = iter(source) is source if hasattr(source, "__iter__") else False
        self.epoch, self.start, self.fresh = 0, 0, False
        self.total = self.steps
        if self.steps is None and hasattr(source, "__len__"):
            with contextlib.suppress(TypeError):  # a loader of a stream does not know
                self.total = len(source)

    @property
    def plan(self):
        """As that of `ArrayFeed`."""
        return {"batches": "given", "steps_per_epoch": self.steps}

    def _begun(self):
        """An iterator at the first batch that is wanted."""
        source = self.source
        if self.once:
            skipped = self.epoch * (self.steps or 0) + self.start if self.fresh else 0
            if self.fresh and self.epoch and self.steps is None:
                raise ValueError(f"{self.name} is an iterator, of which {self.epoch} epochs were done; say how many "
                                 "batches an epoch has with steps_per_epoch, or pass a function that makes one")
            self.fresh = False
            return itertools.islice(source, skipped, None)
        if hasattr(source, "__iter__") and hasattr(source, "epoch"):
            source.epoch = self.epoch
            if hasattr(source, "start"):
                source.start = self.start
                return iter(source)
        made = iter(source if hasattr(source, "__iter__") else source())
        return itertools.islice(made, self.start, None)

    def __iter__(self):
        batches, index = self._begun(), self.start
        while index != self.steps:
            batch = next(batches, None)
            if batch is None:
                break
            yield self._parts(batch, index)
            index += 1
        if index == 0 or (self.steps is not None and index < self.steps):
            wanted = "" if self.steps is None else f" of the {self.steps} that steps_per_epoch says"
            raise ValueError(f"{self.name} gave {index or 'no'} batches{wanted} in epoch {self.epoch + 1}"
                             + ("; an iterator is empty after one pass: pass a function that makes one"
                                if self.once else ""))
        self.total = index

    def sharded(self):
        """As that of `ArrayFeed`: every rank iterates over all batches and uses its rows."""
        from tinydl.train.sharded import rows_of

        return map(rows_of, self)

    def share(self, rank, size):
        """As that of `ArrayFeed`."""
        return ((index, batch) for index, batch in enumerate(self) if index % size == rank)

    def _parts(self, batch, index):
        """(x, y, weights) of a batch."""
        where = f"batch {index + 1} of {self.name}"
        if not self.labelled and not isinstance(batch, (tuple, list)):
            return mapped(_input, _tree(batch)), None, None
        if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
            raise TypeError(f"{where} must be (x, y) or (x, y, weights), got {type(batch).__name__}"
                            + (f" of {len(batch)}" if isinstance(batch, (tuple, list)) else ""))
        x = mapped(_input, _tree(batch[0]))
        if not self.labelled:
            return x, None, None
        y = mapped(_target, _tree(batch[1]))
        weight = None if len(batch) == 2 else np.asarray(_array(batch[2]), np.float32)
        lengths = [len(part) if part.ndim else None for part in
                   [*leaves(x), *leaves(y), *([] if weight is None else [weight])]]
        if None in lengths or len(set(lengths)) != 1 or lengths[0] == 0:
            raise ValueError(f"{where}: inputs, targets and weights must be of one length, got lengths {lengths}")
        return x, y, weight
