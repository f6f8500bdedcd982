"""Mini-batches: one gather each, in an order that follows from (seed, epoch) alone."""

import numpy as np

from tinydl import layout
from tinydl.data.dataset import ArrayDataset

__all__ = ["Batches", "epoch_order", "gather"]

_SHUFFLE_STREAM = 0x5F1E


def epoch_order(n, seed, epoch):
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
    key = np.random.SeedSequence((seed, _SHUFFLE_STREAM, epoch))
    return np.random.Generator(np.random.Philox(key)).permutation(n)


def gather(data, indices):
    """The images of `data` at `indices`, normalised.

    Parameters
    ----------
    data : ArrayDataset
    indices : array of int, shape (B,)

    Returns
    -------
    array of float32, shape (B, C, H, W), (B, C, L) or (B, features)
        ``(images[indices] * scale - mean) / std``, channels-last in memory.
    """
    images = data.images
    out = layout.empty((len(indices), *images.shape[1:]), np.float32)
    # Both blocks as (samples, values) with channels innermost: the gather is then one copy of whole rows.
    rows = np.moveaxis(images, 1, -1).reshape(len(images), -1)
    values = np.moveaxis(out, 1, -1).reshape(len(indices), -1)
    slope = data.scale / data.std
    shift = -data.mean / data.std
    if images.dtype == np.float32:
        np.take(rows, indices, axis=0, out=values)
    else:
        values[...] = np.take(rows, indices, axis=0)
    if len(set(slope)) == 1 and len(set(shift)) == 1:
        slope, shift = np.float32(slope[0]), np.float32(shift[0])
    else:
        repeats = values.shape[1] // len(slope)
        slope = np.tile(slope.astype(np.float32), repeats)
        shift = np.tile(shift.astype(np.float32), repeats)
    if np.any(slope != 1):
        np.multiply(values, slope, out=values)
    if np.any(shift != 0):
        np.add(values, shift, out=values)
    return out


class Batches:
    """One epoch of mini-batches (x, y) over a dataset; iterate over it as often as you like.

    Parameters
    ----------
    data : ArrayDataset or (x, y)
    batch_size : int
        Images per batch; the last batch of an epoch may be shorter. At most the size of the data counts.
    shuffle : bool
        Whether the order is `epoch_order` or that of the data.
    seed, epoch : int
        Name the order.
    start : int
        Number of batches left out at the start (of an epoch that was interrupted).
    drop_last : bool
        Leave out a last batch that is shorter than `batch_size`.

    Yields
    ------
    x : float32 array (B, C, H, W), normalised, channels-last; a fresh array each time.
    y : int64 array (B,), or the float targets; None for data without labels.
    """

    def __init__(self, data, batch_size, *, shuffle=False, seed=0, epoch=0, start=0, drop_last=False):
        self.data = as_dataset(data)
        if isinstance(batch_size, bool) or not hasattr(batch_size, "__index__") or batch_size < 1:
            raise ValueError(f"batch_size must be a positive integer, got {batch_size!r}")
        self.batch_size = batch_size.__index__()
        self.shuffle, self.seed, self.epoch, self.start, self.drop_last = shuffle, seed, epoch, start, drop_last

    @property
    def total(self):
        """Batches of the whole epoch, those before `start` included."""
        n = len(self.data)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __len__(self):
        return max(0, self.total - self.start)

    def __iter__(self):
        n = len(self.data)
        order = epoch_order(n, self.seed, self.epoch) if self.shuffle else np.arange(n)
        labels = self.data.labels
        for index in range(self.start, self.total):
            chosen = order[index * self.batch_size:(index + 1) * self.batch_size]
            yield gather(self.data, chosen), None if labels is None else labels[chosen]


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
