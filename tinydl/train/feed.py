"""What `fit`, `evaluate` and `predict` take, as batches: arrays in memory, or whatever gives batches by itself."""

import zlib

import numpy as np

from tinydl.data.batches import Batches, as_dataset
from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.distributed.shards import bounds
from tinydl.train.several import Several, is_several
from tinydl.train.stream import Stream, gives_batches

__all__ = ["ArrayFeed", "checked_weights", "evaluation_feed", "samples_of", "training_feed"]


def _is_map(data):
    """Whether data are a data set that gives its samples one by one."""
    known = isinstance(data, (ArrayDataset, str, bytes, list, tuple, dict)) or hasattr(data, "shape")
    return not known and hasattr(data, "__getitem__") and hasattr(data, "__len__") and not hasattr(data, "__array__")


def samples_of(data, name="data"):
    """`data` as samples in memory: an ArrayDataset, or Several."""
    if isinstance(data, Several):
        return data
    if _is_map(data):
        raise TypeError(f"{name}: a {type(data).__name__} gives single samples; pass its batches: "
                        "td.data.DataLoader(dataset, batch_size=64, shuffle=True)")
    if isinstance(data, (tuple, list)) and len(data) == 2 and any(map(is_several, data)):
        return Several(*data, name=name)
    return Several(data, name=name) if isinstance(data, dict) else as_dataset(data, name)


def _described(value):
    """An object by its public settings, in words that are the same in every process."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_described, value))}]"
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray):
        return f"array with crc32 {zlib.crc32(np.ascontiguousarray(value)):08x}"
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__
    settings = getattr(value, "__dict__", {}).items()
    return f"{type(value).__name__}({', '.join(f'{k}={_described(v)}' for k, v in settings if k[:1] != '_')})"


class ArrayFeed:
    """Batches of samples in memory, in an order that follows from (seed, epoch) alone.

    Parameters
    ----------
    data : ArrayDataset or Several
    batch_size : int
    shuffle, seed, drop_last, augment
        As in `tinydl.data.Batches`.
    sample_weight : array of float, shape (N,), optional

    Attributes
    ----------
    epoch, start : int
        Where the next iteration begins: the number of its order, and of its first batch.
    total : int
        Batches of a whole epoch.

    Yields
    ------
    x, y, weight : what the net and the loss get; the weights of the samples or None
    """

    def __init__(self, data, batch_size, *, shuffle=False, seed=0, drop_last=False, augment=None, sample_weight=None):
        self.data, self.sample_weight = data, sample_weight
        if augment is not None and isinstance(data, Several):
            raise DataError("augment is for one array of samples, the data have several inputs or targets; augment "
                            "them in batches of your own")
        # Of several inputs the batches of one are the batches of sample numbers; they also check the arguments.
        one = data if isinstance(data, ArrayDataset) else ArrayDataset(np.zeros((len(data), 1), np.float32))
        self._batches = Batches(one, batch_size, shuffle=shuffle, seed=seed, drop_last=drop_last, augment=augment)
        self.epoch = self.start = 0
        self.total = self._batches.total
        # As in Tally; labels that were mixed or changed are no answers.
        changed = augment is not None and self._batches.augment.changes_labels
        self.classify = not changed and isinstance(data, ArrayDataset) and data.n_classes is not None

    def __len__(self):
        return len(self.data)

    @property
    def plan(self):
        """What an epoch under way must find again, as plain values by name."""
        b = self._batches
        plan = {"samples": len(self.data), "batch_size": b.batch_size, "shuffle": bool(b.shuffle),
                "drop_last": bool(b.drop_last)}
        if b.augment is not None:
            plan["augment"] = _described(b.augment)
        if self.sample_weight is not None:
            plan["sample_weight"] = _described(self.sample_weight)
        return plan

    def __iter__(self):
        make = self._begin()
        for index, chosen in self._batches.chosen(self.epoch, self.start):
            yield make(chosen, index)

    def _begin(self):
        """A function that makes (x, y, weights) of samples: ``f(samples, batch, part=0)``, as that of `Batches`."""
        weights = self.sample_weight
        of_data = None if isinstance(self.data, Several) else self._batches.begin(self.epoch)

        def make(chosen, index, part=0):
            x, y = self.data.take(chosen) if of_data is None else of_data(chosen, index, part)
            return x, y, None if weights is None else weights[chosen]

        return make

    def sharded(self):
        """As iteration, each batch as (n, make), so that only shards that are computed here are made."""
        make = self._begin()
        for index, chosen in self._batches.chosen(self.epoch, self.start):
            def shard(k, shards, index=index, chosen=chosen):
                begin, end = bounds(len(chosen), shards, k)
                return make(chosen[begin:end], index, k)

            yield len(chosen), shard

    def share(self, rank, size):
        """(number, batch) of every `size`-th batch from number `rank` on."""
        make = self._begin()
        for index, chosen in self._batches.chosen(self.epoch, self.start):
            if index % size == rank:
                yield index, make(chosen, index)


def checked_weights(sample_weight, n):
    """Weights of samples as a float32 array, checked."""
    weights = np.asarray(sample_weight)
    if weights.shape != (n,) or weights.dtype.kind not in "fiub":
        raise ValueError(f"sample_weight must be one number for each of the {n} samples, got {weights.dtype} of shape "
                         f"{weights.shape}")
    weights = np.ascontiguousarray(weights, np.float32)
    bad = np.flatnonzero(~((weights >= 0) & (weights < np.inf)))
    if len(bad):
        raise ValueError(f"sample_weight must be finite and not negative, got {weights[bad[0]]} for sample {bad[0]}")
    return weights


def training_feed(data, *, steps, sample_weight, batch_size, shuffle, seed, drop_last, augment):
    """The batches that `fit` trains with.

    Raises
    ------
    ValueError, TypeError
        Data without labels; settings of arrays for data that give batches by themselves, or the other way round.
    """
    if gives_batches(data):
        for name, value in (("augment", augment), ("sample_weight", sample_weight)):
            if value is not None:
                raise ValueError(f"{name} is for arrays; train gives batches by itself: "
                                 + ("yield (x, y, weights)" if name == "sample_weight" else "augment them there"))
        return Stream(data, "train", steps)
    if steps is not None:
        raise ValueError(f"steps_per_epoch={steps!r} is for data that give batches by themselves; an epoch of arrays "
                         "is all of them once")
    if sample_weight is not None:
        sample_weight = checked_weights(sample_weight, len(data))
    return ArrayFeed(data, batch_size, shuffle=shuffle, seed=seed, drop_last=drop_last, augment=augment,
                     sample_weight=sample_weight)


def evaluation_feed(data, batch_size, name="data", labelled=True):
    """The batches that are evaluated or predicted, in order."""
    if gives_batches(data):
        return Stream(data, name, labelled=labelled)
    return ArrayFeed(samples_of(data, name), batch_size)
