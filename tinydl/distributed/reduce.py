"""Sums of flat arrays over all ranks: in the order of the shards, or in the transport's own."""

import numpy as np

from tinydl import layout
from tinydl.distributed.shards import covered, merged, nodes, owned

__all__ = ["exact_sum", "fast_sum"]


def _added(a, b):
    return np.add(a, b, out=a)


def exact_sum(comm, parts, shards, out, n):
    """The sum over all shards in the order of the tree, the same bits on every rank and for any number of ranks.

    Every rank adds one slice of the array: it receives that slice of all nodes, sums them in order and sends the result
    to all. A rank that owns one node (the usual case, shards / ranks a power of two) sends 2 (n - 1) / n times the
    array, as the ring algorithm of an Allreduce does.

    Parameters
    ----------
    comm : Communicator
    parts : dict of (level, index) to array or None
        The largest nodes of the own shards (`PairwiseSum.parts`), one-dimensional; None without samples. Overwritten.
    shards : int
    out : array
        For the sum; may be one of the parts.
    n : int
        Samples of the batch, which say what shards are without any.
    """
    if comm.size == 1:
        total = merged(parts, shards, _added)
        if total is None:
            out.fill(0)
        elif total is not out:
            out[...] = total
        return
    length, size, dtype = len(out), comm.size, out.dtype
    piece = -(-length // size)
    by_rank = [nodes(own.start, own.stop) for own in (owned(shards, r, size) for r in range(size))]
    mine, rounds = by_rank[comm.rank], max(map(len, by_rank))
    # From the pool: new memory would cost more than the messages, a page at a time.
    send = layout.empty((size * piece,), dtype)
    received = layout.empty((rounds * size * piece,), dtype).reshape(rounds, size, piece)
    send[length:] = 0
    for k in range(rounds):
        if k < len(mine) and parts[mine[k]] is not None:
            send[:length] = parts[mine[k]]
        else:
            send[:length] = 0  # is sent, and not looked at
        comm.exchange(send.reshape(size, piece), received[k])
    slices = {node: received[k, r] if covered(n, shards, *node) else None
              for r, found in enumerate(by_rank) for k, node in enumerate(found)}
    total = merged(slices, shards, _added)
    whole = send.reshape(size, piece)
    whole[comm.rank] = 0 if total is None else total
    comm.collect(whole)
    out[...] = send[:length]


def fast_sum(comm, parts, out):
    """As `exact_sum`, but the ranks' shares are added in the order that the transport finds fastest."""
    own = None
    for part in parts.values():
        if part is not None:
            own = part if own is None else _added(own, part)
    if own is None:
        out.fill(0)
    elif own is not out:
        out[...] = own
    if comm.size > 1:
        comm.add_up(out)
