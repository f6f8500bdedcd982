"""Mini-batches: one gather each, in an order that follows from (seed, epoch) alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import index_of, integer
from tinydl.data.augment import as_augment, gather
from tinydl.data.dataset import ArrayDataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tinydl._types import Array, Augments

__all__ = ["Batches", "as_dataset", "epoch_order"]

_SHUFFLE_STREAM = 0x5F1E


def epoch_order(n: int, seed: int, epoch: int) -> Array:
    """The shuffled order of `n` samples in an epoch.

    A permutation drawn from Philox keyed by (seed, epoch): no stream is stored, and any epoch can be made again on its
    own.

    Parameters
    ----------
    n, seed, epoch : int
        Non-negative.

    Returns
    -------
    array of int64, shape (n,)
    """
    seed, epoch = integer("epoch_order", "seed", seed, 0), integer("epoch_order", "epoch", epoch, 0)
    key = np.random.SeedSequence((seed, _SHUFFLE_STREAM, epoch))
    return np.random.Generator(np.random.Philox(key)).permutation(integer("epoch_order", "n", n, 0))


class Batches:
    """Mini-batches (x, y) over a dataset; each iteration is an epoch, the next one has the next order.

    Parameters
    ----------
    data : ArrayDataset or (x, y)
    batch_size : int
        Images per batch; the last batch of an epoch may be shorter. At most the size of the data counts.
    shuffle : bool
        Whether the order is `epoch_order` or that of the data.
    seed, epoch : int
        Name the order. `epoch` counts on with every iteration that begins; setting it chooses the next order.
    start : int
        Number of batches left out at the start of the next iteration (of an epoch that was interrupted).
    drop_last : bool
        Leave out a last batch that is shorter than `batch_size`.
    augment : Augment, str or callable, optional
        Changes samples at random on the way: an `Augment`, its settings as words ("shift=4,mirror,rotate=10"), or a
        function ``f(x, y, rng) -> (x, y)`` of batches.
    shard : (int, int)
        (rank, size): of each batch only part number `rank` of `size` parts, which differ in length by one sample at
        most and together are the batch. Order and random changes are those of the whole.

    Yields
    ------
    x : float32 array (B, C, H, W), normalised, channels-last; a fresh array each time.
    y : int64 array (B,), or the float targets; None for data without labels. Soft labels where samples are mixed.
    """

    def __init__(self, data: ArrayDataset | tuple[Any, Any], batch_size: int, *, shuffle: bool = False, seed: int = 0,
                 epoch: int = 0, start: int = 0, drop_last: bool = False, augment: Augments | None = None,
                 shard: tuple[int, int] = (0, 1)) -> None:
        self.data = as_dataset(data)
        for name, value, least in (("batch_size", batch_size, 1), ("seed", seed, 0), ("epoch", epoch, 0),
                                   ("start", start, 0)):
            found = index_of(value)
            if found is None or found < least:
                raise ValueError(f"{name} must be {'a positive integer' if least else 'an integer, 0 or more'}, got "
                                 f"{value!r}")
        self.batch_size = index_of(batch_size)
        self.augment = as_augment(augment)
        if self.augment is not None:
            self.augment.check(self.data.image_shape, self.data.labels)
        self.shuffle, self.seed, self.epoch, self.start, self.drop_last = shuffle, seed, epoch, start, drop_last
        part, parts = (index_of(value) for value in shard) if isinstance(shard, (tuple, list)) and len(shard) == 2 \
            else (None, None)
        if part is None or parts is None or not 0 <= part < parts:
            raise ValueError(f"shard must be (rank, size) with 0 <= rank < size, got {shard!r}")
        self.shard = part, parts

    @property
    def total(self) -> int:
        """Batches of the whole epoch, those before `start` included."""
        n = len(self.data)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __len__(self) -> int:
        return max(0, self.total - self.start)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        # Here and not at the end: a loop that is left early has begun its epoch too.
        epoch, start = self.epoch, self.start
        self.epoch, self.start = epoch + 1, 0
        return self._batches(epoch, start)

    def _batches(self, epoch, start):
        part, parts = self.shard
        make = self.begin(epoch)
        for index, chosen in self.chosen(epoch, start):
            n = len(chosen)
            yield make(chosen[part * n // parts:(part + 1) * n // parts], index, part)

    def chosen(self, epoch, start=0):
        """(number, samples) of each whole batch of an epoch, from a number on."""
        n = len(self.data)
        order = epoch_order(n, self.seed, epoch) if self.shuffle else np.arange(n)
        for index in range(start, self.total):
            yield index, order[index * self.batch_size:(index + 1) * self.batch_size]

    def begin(self, epoch):
        """A function that makes (x, y) of an epoch: ``f(samples, batch, part)``, of part number `part` of a batch."""
        labels = self.data.labels
        if self.augment is not None:
            return self.augment.begin(self.data, self.seed, epoch)
        return lambda samples, batch, part=0: (gather(self.data, samples), None if labels is None else labels[samples])


def as_dataset(data, name="data"):
    """`data` itself when it is an ArrayDataset, else one made of (x, y) or of x alone."""
    if isinstance(data, ArrayDataset):
        return data
    if isinstance(data, (tuple, list)):
        if len(data) != 2:
            raise TypeError(f"{name} must be an ArrayDataset or a pair (x, y), got {len(data)} items")
        return ArrayDataset(*data, name=name)
    if hasattr(data, "data") and hasattr(data, "requires_grad"):  # a Tensor
        data = data.data
    return ArrayDataset(data, name=name)
