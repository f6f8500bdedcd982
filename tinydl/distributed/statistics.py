"""Buffers of a net over the shards of a batch: every shard begins with those of before, and all end with the mean.

A mean over shards weights each by its samples. Counts (integers), which each shard moves alike, are those of one shard.
"""

import numpy as np

from tinydl.distributed.reduce import exact_sum
from tinydl.distributed.shards import PairwiseSum

__all__ = ["SharedBuffers"]


class SharedBuffers:
    """Running statistics through one batch.

    Parameters
    ----------
    net : nn.Module
    """

    def __init__(self, net):
        self.arrays = [array for _, array in net.named_buffers() if array is not None]
        self.floats = [array for array in self.arrays if array.dtype.kind == "f"]
        self.length = sum(array.size for array in self.floats)

    def begin(self, first):
        """Remember all values; `first` is the number of the first shard of this rank."""
        self._before = self.values()
        self._after = None
        self._sums = PairwiseSum(first, lambda a, b: np.add(a, b, out=a))

    def restore(self):
        """Return to the values of before the batch."""
        self.load(self._before)

    def values(self):
        """Copies of all."""
        return [array.copy() for array in self.arrays]

    def load(self, values):
        """Set them to what `values` gave."""
        for array, value in zip(self.arrays, values, strict=True):
            array[...] = value

    def add(self, n):
        """Take what a shard of `n` samples left, or of none."""
        if not n:
            self._sums.push(None)
            return
        if self._after is None:
            self._after = self.values()
        if self.length:
            values = np.concatenate([array.ravel() for array in self.floats], dtype=np.float64)
            self._sums.push(values * n)

    def finish(self, comm, shards, n):
        """Set the values after a batch of `n` samples, the same on all ranks."""
        if not self.arrays:
            return
        if self._after is not None:
            counts = [after for array, after in zip(self.arrays, self._after, strict=True) if array.dtype.kind != "f"]
        else:
            counts = None
        if comm.size > 1 and n < shards:  # a rank without a sample has seen no count move
            counts = next(found for found in comm.gather(counts) if found is not None)
        for array, after in zip([a for a in self.arrays if a.dtype.kind != "f"], counts, strict=True):
            array[...] = after
        if not self.length:
            return
        total = np.empty(self.length)
        exact_sum(comm, self._sums.parts(), shards, total, n)
        total /= n
        begin = 0
        for array in self.floats:
            array[...] = total[begin:begin + array.size].reshape(array.shape)
            begin += array.size
