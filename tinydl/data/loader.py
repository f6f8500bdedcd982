"""DataLoader: mini-batches of any data set as tensors."""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from tinydl import random
from tinydl._check import flag, integer
from tinydl.data.batches import epoch_order
from tinydl.data.collection import IterableDataset, batch_of, collate, sample_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from tinydl.random import Generator

__all__ = ["DataLoader"]


class DataLoader:
    """Mini-batches of a data set; each iteration is an epoch, the next one has the next order.

    Parameters
    ----------
    dataset : Dataset, ArrayDataset, or anything with `__len__` and `__getitem__`
        An `ArrayDataset` and a `TensorDataset` gather a batch at once; samples of other sets are put together by
        `collate_fn`.
    batch_size : int
        Samples per batch; the last batch of an epoch may have fewer.
    shuffle : bool
        Whether the order of an epoch is random. It follows from the seed and the number of the epoch alone.
    sampler : iterable of int, optional
        The samples of an epoch in their order, in the place of shuffle.
    batch_sampler : iterable of sequences of int, optional
        The batches themselves, in the place of batch_size, shuffle, sampler and drop_last.
    num_workers : int
        Threads that fetch batches ahead; 0 fetches a batch when it is asked for. The order of the batches does not
        depend on it. With threads, `__getitem__` of the data set runs in several at once.
    collate_fn : callable, optional
        Makes a batch of a list of samples; by default they are stacked part by part, see `collate`.
    drop_last : bool
        Leave out a last batch that is not full.
    generator : Generator, optional
        Whose seed names the order.
    seed : int, optional
        Or the seed itself; by default that of `manual_seed` when the loader is made.
    pin_memory, persistent_workers, prefetch_factor, timeout, worker_init_fn
        Of no effect: there are no other devices and no other processes.

    Attributes
    ----------
    epoch : int
        Number of the epoch that the next iteration begins; setting it chooses the order.

    Yields
    ------
    Tensors in the structure of a sample: (x, y) for pairs.
    """

    def __init__(self, dataset: Any, batch_size: int = 1, shuffle: bool = False, sampler: Iterable[int] | None = None,
                 batch_sampler: Iterable[Sequence[int]] | None = None, num_workers: int = 0,
                 collate_fn: Callable[[list[Any]], Any] | None = None, pin_memory: bool = False,
                 drop_last: bool = False, timeout: float = 0, worker_init_fn: Callable[[int], Any] | None = None,
                 generator: Generator | None = None, seed: int | None = None, prefetch_factor: int | None = None,
                 persistent_workers: bool = False) -> None:
        name = "DataLoader"
        self.streams = isinstance(dataset, IterableDataset)
        if self.streams:
            if shuffle or sampler is not None or batch_sampler is not None or num_workers:
                raise ValueError(f"{name}: an IterableDataset gives samples in its own order, one by one; leave out "
                                 "shuffle, sampler, batch_sampler and num_workers")
        elif not hasattr(dataset, "__getitem__") and not hasattr(dataset, "batch") and not hasattr(dataset, "images") \
                or not hasattr(dataset, "__len__"):
            raise TypeError(f"{name} takes a data set with __len__ and __getitem__, got {type(dataset).__name__}; "
                            "arrays become one by TensorDataset(x, y)")
        self.dataset, self.collate_fn = dataset, collate_fn
        self.batch_size = None if batch_size is None else integer(name, "batch_size", batch_size)
        self.shuffle, self.drop_last = flag(name, "shuffle", bool(shuffle)), flag(name, "drop_last", drop_last)
        self.num_workers = integer(name, "num_workers", num_workers, 0)
        self.sampler: Any = sampler
        self.batch_sampler: Any = batch_sampler
        if sampler is not None and shuffle:
            raise ValueError(f"{name}: a sampler says the order, so shuffle must be False")
        if batch_sampler is not None and (batch_size not in (1, None) or shuffle or sampler is not None or drop_last):
            raise ValueError(f"{name}: a batch_sampler says the batches; leave batch_size, shuffle, sampler and "
                             "drop_last out")
        if batch_sampler is None and batch_size is None:
            raise ValueError(f"{name}: batch_size is a number of samples, got None")
        if generator is not None and seed is not None:
            raise ValueError(f"{name}: pass a generator or a seed, not both")
        own = random.state()[0] if generator is None else generator.initial_seed()
        self.seed, self.epoch = own if seed is None else integer(name, "seed", seed, 0), 0

    def __len__(self) -> int:
        if self.streams and not hasattr(self.dataset, "__len__"):
            raise TypeError(f"{type(self.dataset).__name__} defines no __len__(), so nobody knows how many batches "
                            "there are")
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        n = len(self.dataset if self.sampler is None else self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        # Here and not at the end: a loop that is left early has begun its epoch too.
        epoch, self.epoch = self.epoch, self.epoch + 1
        if self.streams:
            return self._streamed()
        batches = self._indices(epoch)
        return self._ahead(batches) if self.num_workers else map(self._batch, batches)

    def _streamed(self):
        """The batches of samples that come one by one."""
        samples = iter(self.dataset)
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield (self.collate_fn or collate)(batch)

    def _indices(self, epoch):
        """The numbers of the samples of each batch."""
        if self.batch_sampler is not None:
            yield from (np.asarray(list(batch), np.int64) for batch in self.batch_sampler)
            return
        n = len(self.dataset)
        if self.sampler is not None:
            order = np.asarray(list(self.sampler), np.int64)
        else:
            order = epoch_order(n, self.seed, epoch) if self.shuffle else np.arange(n)
        full = len(order) // self.batch_size * self.batch_size
        for start in range(0, full if self.drop_last else len(order), self.batch_size):
            yield order[start:start + self.batch_size]

    def _batch(self, indices):
        if self.collate_fn is not None:
            return self.collate_fn([sample_of(self.dataset, k) for k in indices.tolist()])
        return batch_of(self.dataset, indices)

    def _ahead(self, batches):
        """The batches in their order, two for each thread being fetched while one is used."""
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(self.num_workers, "tinydl-loader")
        try:
            waiting = deque(pool.submit(self._batch, each) for each in itertools.islice(batches, 2 * self.num_workers))
            while waiting:
                batch = waiting.popleft().result()
                for each in itertools.islice(batches, 1):
                    waiting.append(pool.submit(self._batch, each))
                yield batch
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
