"""Virtual shards: how a batch is cut, who computes which part, and in which order parts are added.

A batch is cut into a number of shards that depends on nothing but the setting; ranks compute shards that are
neighbours. Sums over shards are those of a binary tree over their numbers, so they do not depend on the ranks.
"""

import numpy as np

__all__ = ["PairwiseSum", "add_flat", "bounds", "covered", "merged", "nodes", "owned", "row_sum", "shard_seed"]

_ODD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: products with small numbers differ in most bits


def bounds(n, shards, k):
    """(begin, end) of the samples of shard `k` of a batch of `n`: sizes differ by at most one."""
    return k * n // shards, (k + 1) * n // shards


def owned(shards, rank, size):
    """The numbers of the shards that a rank computes, as a range."""
    if shards % size:
        raise ValueError(f"{shards} shards cannot be shared out evenly by {size} processes; take a number of processes "
                         f"that divides {shards}, or a multiple of {size} as shards")
    each = shards // size
    return range(rank * each, (rank + 1) * each)


def shard_seed(seed, k):
    """The seed of the random numbers that are drawn while shard `k` is computed; that of shard 0 is `seed` itself."""
    return (seed ^ (k * _ODD & 0xFFFFFFFFFFFFFFFF)) if k else seed


def nodes(begin, end):
    """The largest nodes of the tree that lie in the shards [begin, end), in order, as (level, index).

    Node (level, index) is the sum of the 2^level shards from index * 2^level on.
    """
    found = []
    while begin < end:
        level = (begin & -begin).bit_length() - 1 if begin else (end - begin).bit_length() - 1
        while begin + (1 << level) > end:
            level -= 1
        found.append((level, begin >> level))
        begin += 1 << level
    return found


def covered(n, shards, level, index):
    """Whether a shard of a node of the tree has a sample of a batch of `n`."""
    return bounds(n, shards, index << level)[0] < bounds(n, shards, min((index + 1) << level, shards) - 1)[1]


def merged(parts, shards, add):
    """The sum at the root of the tree.

    Parameters
    ----------
    parts : dict of (level, index) to array or None
        Nodes that cover all shards; None where no shard of a node has a sample.
    shards : int
    add : callable
        ``add(a, b)`` gives a + b and may write into a.
    """
    return _node(parts, shards, add, (shards - 1).bit_length(), 0)


# Not a function within `merged`: one that calls itself is a cycle, which keeps the parts until the collector comes by.
def _node(parts, shards, add, level, index):
    if (level, index) in parts:
        return parts[level, index]
    if index << level >= shards:
        return None
    left = _node(parts, shards, add, level - 1, 2 * index)
    right = _node(parts, shards, add, level - 1, 2 * index + 1)
    if left is None or right is None:
        return right if left is None else left
    return add(left, right)


class PairwiseSum:
    """Adds the shards of a rank as they come, in the order of the tree; at most log2(shards) + 1 sums are alive.

    Parameters
    ----------
    begin : int
        Number of the first shard.
    add : callable
        As in `merged`; its second argument is free afterwards.
    free : callable, optional
        Gets what is free.
    """

    def __init__(self, begin, add, free=None):
        self.next, self.add, self.free = begin, add, free
        self.stack = []  # (level, index, value or None)

    def push(self, value):
        """Add the next shard; None stands for one without samples."""
        level, index = 0, self.next
        self.next += 1
        while index % 2 and self.stack and self.stack[-1][:2] == (level, index - 1):
            left = self.stack.pop()[2]
            if left is None or value is None:
                value = value if left is None else left
            else:
                self.add(left, value)
                if self.free is not None:
                    self.free(value)
                value = left
            level, index = level + 1, index // 2
        self.stack.append((level, index, value))

    def parts(self):
        """The largest nodes so far: {(level, index): value}."""
        return {(level, index): value for level, index, value in self.stack}


def add_flat(a, b):
    """Add the gradients `b` to `a`, two `FlatGradients` of the same parameters."""
    for name, buffer in a.buffers.items():
        np.add(buffer, b.buffers[name], out=buffer)


def row_sum(rows):
    """The sum of the rows of an array (shards, numbers), in the order of the tree."""
    rows = np.array(rows)
    while len(rows) > 1:
        half = rows[0:len(rows) - len(rows) % 2:2] + rows[1::2]
        rows = np.concatenate([half, rows[-1:]]) if len(rows) % 2 else half
    return rows[0]
