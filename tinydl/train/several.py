"""Samples with several inputs or targets."""

import inspect

import numpy as np

from tinydl.data.augment import gather
from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.tensor import Tensor
from tinydl.train.trees import leaves, mapped

__all__ = ["Several", "check_inputs", "is_several"]


def _is_part(value):
    return isinstance(value, (ArrayDataset, Tensor)) or (hasattr(value, "shape") and value.shape != ())


def is_several(value):
    """Whether a value is a dict, or a tuple of arrays, and not one array-like."""
    return isinstance(value, dict) or (isinstance(value, tuple) and len(value) > 0 and all(map(_is_part, value)))


def _input(part):
    """An input as it is gathered: pictures and features as a dataset, indices and single numbers as an array."""
    if isinstance(part, ArrayDataset):
        return part
    part = np.asarray(part.data if isinstance(part, Tensor) else part)
    if part.ndim in (2, 3, 4) and (part.dtype.kind == "f" or part.dtype == np.uint8):
        return ArrayDataset(part)
    if part.dtype.kind == "f":
        return np.ascontiguousarray(part, np.float32)
    return part


def _target(part):
    part = np.asarray(part.data if isinstance(part, Tensor) else part)
    return part.astype(np.int64) if part.dtype.kind in "iu" else part


def _taken(part, indices):
    return gather(part, indices) if isinstance(part, ArrayDataset) else part[indices]


def check_inputs(net, x, name):
    """Raise when a net does not take so many inputs.

    Raises
    ------
    TypeError
        With the number of inputs, and what is wrong if `x` was meant to be the pair of inputs and labels.
    """
    if not isinstance(x, (tuple, dict)):
        return
    try:
        signature = inspect.signature(net.forward)
        signature.bind(*x) if isinstance(x, tuple) else signature.bind(**x)
    except TypeError as error:
        got = f"a tuple of {len(x)}" if isinstance(x, tuple) else f"inputs named {', '.join(map(str, x))}"
        raise TypeError(f"{name}: got {got}, which {type(net).__name__}.forward{signature} does not take ({error}); "
                        "a tuple is the inputs of a net of several; of a pair (x, y) pass x alone to predict") from None


class Several:
    """Samples whose inputs or targets are tuples or dicts of arrays, held in memory.

    Parameters
    ----------
    x : array, ArrayDataset, or tuple or dict of them, each of length N
        Pictures and features as in ArrayDataset: uint8 is scaled to 0..1, a dataset is normalised as it says. Arrays of
        other integers (indices) go to the net as they are.
    y : array, or tuple or dict of arrays, each of length N; optional
    name : str
        Shown in messages.

    Raises
    ------
    DataError
        Lengths that differ, or no arrays.
    """

    n_classes = None

    def __init__(self, x, y=None, name="data"):
        self.name = name
        self.x = mapped(_input, x)
        self.labels = None if y is None else mapped(_target, y)
        parts = leaves(self.x) + ([] if y is None else leaves(self.labels))
        lengths = [len(part) if isinstance(part, ArrayDataset) or part.ndim else None for part in parts]
        if not lengths or None in lengths or len(set(lengths)) > 1:
            raise DataError(f"{name}: inputs and targets must be arrays of one length, got lengths {lengths}")
        self._n = lengths[0]

    def __len__(self):
        return self._n

    def __repr__(self):
        return f"Several({self.name}: {len(self):,} samples of {len(leaves(self.x))} inputs)"

    def unused_classes(self):
        """None: classes of several targets are not counted."""
        return np.zeros(0, np.int64)

    @property
    def split_by(self):
        """What `stratified_split` takes: the first target that is a class number of each sample, else only lengths."""
        for part in [] if self.labels is None else leaves(self.labels):
            if part.ndim == 1 and part.dtype.kind in "iu":
                return part
        return np.zeros(len(self), np.float32)

    def take(self, indices):
        """(x, y) of the samples at `indices`, as the net and the loss get them."""
        x = mapped(lambda part: _taken(part, indices), self.x)
        return x, None if self.labels is None else mapped(lambda part: part[indices], self.labels)

    def subset(self, indices):
        """The samples at `indices`."""
        x = mapped(lambda part: part.subset(indices) if isinstance(part, ArrayDataset) else part[indices], self.x)
        y = None if self.labels is None else mapped(lambda part: part[indices], self.labels)
        return Several(x, y, self.name)
