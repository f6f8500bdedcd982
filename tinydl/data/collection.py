"""Data sets of samples: what has a length and gives a sample by its number, and what is made of others.

A sample is a tuple such as (image, label), a dict, an array or a number. A set that can give many samples at once has
`batch(indices)`; of any other set the samples are fetched one by one and put together by `collate`.
"""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import random
from tinydl._check import index_of, integer, items
from tinydl.data.augment import gather
from tinydl.data.dataset import ArrayDataset
from tinydl.tensor import Tensor, array_of, tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from tinydl._types import Array, ArrayLike
    from tinydl.random import Generator

__all__ = [
    "ConcatDataset", "Dataset", "IterableDataset", "Subset", "TensorDataset", "batch_of", "collate",
    "random_split",
]


def collate(samples: list[Any]) -> Any:
    """Samples as one: arrays and numbers are stacked as tensors, tuples, lists and dicts part by part.

    Parameters
    ----------
    samples : list
        Of one kind, arrays of one shape. Python integers become int64, floats float32; strings stay a list.
    """
    first = samples[0]
    if isinstance(first, dict):
        return {key: collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, (tuple, list)):
        if any(len(sample) != len(first) for sample in samples):
            raise ValueError(f"samples of one batch have {sorted({len(sample) for sample in samples})} parts; a sample "
                             "is a tuple of as many parts as every other")
        return type(first)([collate(list(parts)) for parts in zip(*samples, strict=True)]) if not hasattr(
            first, "_fields") else type(first)(*[collate(list(parts)) for parts in zip(*samples, strict=True)])
    if isinstance(first, (str, bytes)) or first is None:
        return samples
    if isinstance(first, (bool, int, float)):
        return tensor(samples)
    arrays = [sample._array() if isinstance(sample, Tensor) else array_of(sample) for sample in samples]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) > 1:
        raise ValueError(f"samples of one batch have the shapes {shapes[0]} and {shapes[1]}; bring them to one, or "
                         "give the loader a collate_fn")
    return Tensor(np.stack(arrays))


def batch_of(dataset, indices):
    """The samples of a set at an array of places, put together.

    Parameters
    ----------
    dataset : Dataset, ArrayDataset, or anything with `__getitem__`
    indices : array of int64
    """
    if isinstance(dataset, ArrayDataset):
        x = Tensor(gather(dataset, indices))
        return x if dataset.labels is None else (x, Tensor(dataset.labels[indices]))
    if hasattr(dataset, "batch"):
        return dataset.batch(indices)
    return collate([sample_of(dataset, k) for k in indices.tolist()])


def sample_of(dataset, index):
    """One sample of a set."""
    if not isinstance(dataset, ArrayDataset):
        return dataset[index]
    sample = batch_of(dataset, np.array([index]))
    return tuple([part[0] for part in sample]) if isinstance(sample, tuple) else sample[0]


def _place(index, n, name):
    found = index_of(index)
    if found is None:
        raise TypeError(f"{name}: a sample's number is an integer, got {index!r}")
    if not -n <= found < n:
        raise IndexError(f"{name} has {n} samples, got number {found}")
    return found % n


class Dataset:
    """Base class of data sets: a subclass defines `__len__` and `__getitem__`, which gives a sample.

    Examples
    --------
    >>> class Squares(td.data.Dataset):
    ...     def __len__(self):
    ...         return 10
    ...     def __getitem__(self, k):
    ...         return np.float32([k]), k * k
    """

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} defines no __getitem__(index); write one that gives a sample")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} defines no __len__(); write one that gives the number of "
                                  "samples")

    def __add__(self, other: Dataset | ArrayDataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset:
    """Base class of data sets that have no numbers, only an order: a subclass defines `__iter__`, which gives samples.

    A `DataLoader` puts `batch_size` of them together, and each epoch iterates anew; a subclass may define `__len__`.

    Examples
    --------
    >>> class Lines(td.data.IterableDataset):
    ...     def __iter__(self):
    ...         with open("numbers.txt") as file:
    ...             for line in file:
    ...                 *x, y = line.split()
    ...                 yield np.array(x, np.float32), int(y)
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} defines no __iter__(); write one that gives samples")


class TensorDataset(Dataset):
    """Tensors or arrays of one length; a sample is a tuple of an entry of each. A batch costs one gather of each.

    Parameters
    ----------
    *tensors : Tensor or array_like
    """

    def __init__(self, *tensors: ArrayLike) -> None:
        if not tensors:
            raise ValueError("TensorDataset takes one tensor or more, got none")
        self.tensors = tuple([x if isinstance(x, Tensor) else Tensor(array_of(x)) for x in tensors])
        lengths = [x.shape[0] if x.shape else None for x in self.tensors]
        if len(set(lengths)) > 1 or None in lengths:
            raise ValueError(f"TensorDataset takes tensors of one length, got shapes {[x.shape for x in self.tensors]}")

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def __getitem__(self, index: Any) -> Any:
        key = index if isinstance(index, slice) else _place(index, len(self), "TensorDataset")
        return tuple([Tensor(x._array()[key]) for x in self.tensors])

    def batch(self, indices: Array) -> Any:
        """The samples at an array of places, as a tuple of tensors."""
        return tuple([Tensor(x._array()[indices]) for x in self.tensors])


class Subset(Dataset):
    """Some samples of a data set.

    Parameters
    ----------
    dataset : Dataset or ArrayDataset
    indices : sequence of int
        The samples' numbers there.
    """

    def __init__(self, dataset: Dataset | ArrayDataset, indices: Sequence[int] | ArrayLike) -> None:
        indices = indices._array() if isinstance(indices, Tensor) else np.asarray(items("Subset", "indices", indices))
        if indices.ndim != 1 or indices.size and indices.dtype.kind not in "iu":
            raise TypeError(f"Subset takes the numbers of samples, got an array of {indices.dtype} and shape "
                            f"{indices.shape}")
        bad = np.flatnonzero((indices >= len(dataset)) | (indices < -len(dataset)))
        if bad.size:
            raise IndexError(f"Subset: number {indices[bad[0]]} at {bad[0]} of a set of {len(dataset)} samples")
        self.dataset, self.indices = dataset, indices.astype(np.int64) % max(1, len(dataset))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        return sample_of(self.dataset, int(self.indices[_place(index, len(self), "Subset")]))

    def batch(self, indices: Array) -> Any:
        """The samples at an array of places, put together."""
        return batch_of(self.dataset, self.indices[indices])


class ConcatDataset(Dataset):
    """Data sets one after the other.

    Parameters
    ----------
    datasets : sequence of Dataset or ArrayDataset
    """

    def __init__(self, datasets: Sequence[Dataset | ArrayDataset]) -> None:
        self.datasets = items("ConcatDataset", "datasets", datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset takes one data set or more, got none")
        self.cumulative_sizes = np.cumsum([len(each) for each in self.datasets]).tolist()

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: Any) -> Any:
        index = _place(index, len(self), "ConcatDataset")
        k = bisect.bisect_right(self.cumulative_sizes, index)
        return sample_of(self.datasets[k], index - (self.cumulative_sizes[k - 1] if k else 0))


def random_split(dataset: Dataset | ArrayDataset, lengths: Sequence[float],
                 generator: Generator | None = None) -> list[Subset]:
    """Disjoint subsets of a data set, of samples drawn at random.

    Parameters
    ----------
    dataset : Dataset or ArrayDataset
        `ArrayDataset.split` takes the same share of every class instead.
    lengths : sequence of int or of float
        Sizes that add up to the set's, or shares that add up to 1; what rounding leaves goes to the first ones.
    generator : Generator, optional
        By default the numbers follow from `manual_seed`.

    Returns
    -------
    list of Subset
    """
    given, n = items("random_split", "lengths", lengths), len(dataset)
    if all(index_of(length) is not None for length in given):
        sizes = [integer("random_split", "lengths", length, 0) for length in given]
        if sum(sizes) != n:
            raise ValueError(f"random_split: lengths {sizes} add up to {sum(sizes)}, the data set has {n} samples")
    else:
        if not math.isclose(sum(given), 1) or not all(0 <= share <= 1 for share in given):
            raise ValueError(f"random_split: shares must add up to 1, got {given}")
        sizes = [math.floor(share * n) for share in given]
        for k in range(n - sum(sizes)):
            sizes[k % len(sizes)] += 1
    rng = random.generator(random.next_key()) if generator is None else generator.draw()
    order = rng.permutation(n)
    ends = np.cumsum([0, *sizes])
    return [Subset(dataset, order[a:b]) for a, b in zip(ends, ends[1:], strict=False)]
