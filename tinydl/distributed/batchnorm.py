"""Batch norms that see the whole batch, of which each shard has a part: sums over all shards, in their order.

Where a batch norm has the mean and the variance of its own shard, or the two sums that its gradient needs, all shards
meet. A meeting is one message of each rank of a fixed length, so a rank that has met an error, or has no samples, can
come to any of them.
"""

import numpy as np

from tinydl.distributed.shards import row_sum

__all__ = ["Meetings", "ShardStatistics", "widest"]

_ABSENT, _FAILED, _ENDED, _FORWARD, _BACKWARD = 0, 1, 2, 3, 4
_HEAD = 3  # what a shard comes for, channels, values of a channel


def widest(net):
    """The largest number of channels of a batch norm of a net, 0 without one."""
    return max((getattr(module, "num_features", 0) for module in net.modules()), default=0)


class Meetings:
    """The meetings of the shards of a batch.

    Parameters
    ----------
    comm : Communicator
    own : range
        The shards of this rank.
    tasks : sequence of int
        Those of them that have samples.
    width : int
        The most channels of a batch norm.

    Attributes
    ----------
    spoilt : int or None
        The first shard that brought a statistic that is not finite while all had been; after it no shard has any.
    error : RuntimeError or None
        Shards came to different batch norms.
    """

    def __init__(self, comm, own, tasks, width):
        self.comm, self.own, self.tasks, self.width = comm, own, tasks, width
        self.spoilt = self.error = None

    def exchange(self, values, failed):
        """For `Lockstep.run`: a dict of results by what was asked, or None at the end."""
        rows = np.zeros((len(self.own), _HEAD + 2 * self.width))
        for k, value in zip(self.tasks, values, strict=True):
            row = rows[k - self.own.start]
            if failed:
                row[0] = _FAILED
            elif value is None:
                row[0] = _ENDED
            else:
                kind, rows_of_values, numbers = value
                row[:_HEAD] = kind, numbers.shape[1], rows_of_values
                row[_HEAD:_HEAD + numbers.size] = numbers.ravel()
        rows = self.comm.gather_rows(rows)
        there = rows[rows[:, 0] != _ABSENT]
        if (there[:, 0] == _FAILED).any() or (there[:, 0] == _ENDED).all():
            return None
        if (there[:, :2] != there[0, :2]).any():
            self.error = RuntimeError("sync_batchnorm: the shards of a batch came to different batch norms; what a net "
                                      "computes must not depend on the samples")
            return None
        kind, C = int(there[0, 0]), int(there[0, 1])
        counts, numbers = there[:, 2], there[:, _HEAD:_HEAD + 2 * C].reshape(len(there), 2, C)
        if kind == _BACKWARD:
            return row_sum(numbers)
        bad = np.flatnonzero(~np.isfinite(numbers).all(axis=(1, 2)))
        if self.spoilt is None and len(bad):
            self.spoilt = int(np.flatnonzero(rows[:, 0] != _ABSENT)[bad[0]])
        return _moments(counts, numbers)


def _moments(counts, numbers):
    """(M, mean, biased variance) of all values from those of parts, by row.

    With M_s, mu_s and var_s of part s: mu = mu_0 + sum M_s (mu_s - mu_0) / M and var = sum M_s (var_s + (mu_s - mu)^2)
    / M, which lose nothing where means are large beside the spread.
    """
    n, M = counts[:, None], counts.sum()
    means, variances = numbers[:, 0], numbers[:, 1]
    mean = means[0] + row_sum(n * (means - means[0])) / M
    return int(M), mean, row_sum(n * (variances + (means - mean) ** 2)) / M


class ShardStatistics:
    """What the batch norms of one shard ask of the others (`config.mode.batch`).

    Parameters
    ----------
    meet : callable
        Of `Lockstep`.
    width : int
        As of `Meetings`.
    """

    def __init__(self, meet, width):
        self.meet, self.width = meet, width

    def moments(self, mean, var, M):
        """Replace mean and variance of M values of this shard by those of the batch; returns their number."""
        self._check(len(mean))
        total, mean[...], var[...] = self.meet((_FORWARD, M, np.array([mean, var])))
        return total

    def sums(self, sums):
        """The sums over the batch of sums over groups of the shard, (G, 2, C): an array (1, 2, C) of float64."""
        self._check(sums.shape[2])
        return self.meet((_BACKWARD, 0, sums.sum(axis=0, dtype=np.float64)))[None]

    def _check(self, C):
        if self.width < C:
            raise ValueError(f"sync_batchnorm: a batch norm of {C} channels is no module of the net, whose widest has "
                             f"{self.width}; make it an nn.BatchNorm of the net")
