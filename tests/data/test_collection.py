"""Data sets of samples, what is made of others, and how samples become a batch."""

from collections import namedtuple

import numpy as np
import pytest

import tinydl as td
from tinydl.data import ArrayDataset, ConcatDataset, Dataset, Subset, TensorDataset, collate, random_split
from tinydl.data.collection import batch_of, sample_of


class Squares(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, k):
        return np.float32([k, -k]), k * k


def arrays():
    return ArrayDataset(np.arange(24, dtype=np.uint8).reshape(6, 1, 2, 2), [0, 1, 2, 0, 1, 2], mean=0.5, std=2.0)


def test_samples_become_a_batch():
    Pair = namedtuple("Pair", "x y")
    x, y = collate([(np.float32([1, 2]), 3), (np.float32([4, 5]), 6)])
    assert x.tolist() == [[1, 2], [4, 5]] and x.dtype == np.float32 and y.tolist() == [3, 6] and y.dtype == np.int64
    found = collate([{"a": 0.5, "b": "x"}, {"a": 1.5, "b": "y"}])
    assert found["a"].tolist() == [0.5, 1.5] and found["a"].dtype == np.float32 and found["b"] == ["x", "y"]
    assert collate([Pair(td.ones(2), True), Pair(td.zeros(2), False)]).y.tolist() == [True, False]
    with pytest.raises(ValueError, match=r"the shapes \(2,\) and \(3,\); bring them to one"):
        collate([np.ones(2), np.ones(3)])
    with pytest.raises(ValueError, match=r"have \[1, 2\] parts"):
        collate([(1,), (1, 2)])


@pytest.mark.parametrize("make", [Squares, arrays, lambda: TensorDataset(td.arange(6), np.ones((6, 2), np.float32)),
                                  lambda: Subset(Squares(), [5, 0, 3, 3]), lambda: Subset(arrays(), [5, 0, -3]),
                                  lambda: Squares() + arrays(),
                                  lambda: Subset(ConcatDataset([arrays(), Squares()]), [7, 1])],
                         ids=range(7))
def test_a_batch_is_its_samples(make):
    data = make()
    if isinstance(data, ConcatDataset):
        with pytest.raises(ValueError, match="the shapes"):
            batch_of(data, np.array([0, 7]))
    for part, expected in zip(batch_of(data, np.array([1])), sample_of(data, 1), strict=True):
        assert np.array_equal(part.data[0], np.asarray(expected))


def test_normalised_images():
    x, y = batch_of(arrays(), np.array([1, 5]))
    np.testing.assert_allclose(x.data[:, 0, 0, 0], (np.array([4, 20]) / 255 - 0.5) / 2, rtol=1e-6)
    assert y.tolist() == [1, 2] and sample_of(arrays(), 1)[0].shape == (1, 2, 2)


def test_subsets_and_their_sizes():
    data = Squares()
    assert len(data + data) == 12 and (data + data)[7][1] == 1 and (data + data)[-1][1] == 25
    assert Subset(data, td.tensor([2, 4]))[-1][1] == 16 and len(TensorDataset(td.ones(3))[:2][0]) == 2
    one, two = random_split(data, [4, 2], td.Generator().manual_seed(0))
    assert sorted([*one.indices, *two.indices]) == list(range(6))
    again, _ = random_split(data, [4, 2], td.Generator().manual_seed(0))
    assert one.indices.tolist() == again.indices.tolist()
    assert [len(part) for part in random_split(data, [0.5, 0.25, 0.25])] == [4, 1, 1]


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: TensorDataset(), ValueError, "one tensor or more"),
    (lambda: TensorDataset(td.ones(2), td.ones(3)), ValueError, "of one length"),
    (lambda: Subset(Squares(), [6]), IndexError, "number 6 at 0 of a set of 6"),
    (lambda: Subset(Squares(), [0.5]), TypeError, "numbers of samples"),
    (lambda: TensorDataset(td.ones(2))[2], IndexError, "has 2 samples, got number 2"),
    (lambda: ConcatDataset([]), ValueError, "one data set or more"),
    (lambda: random_split(Squares(), [3, 2]), ValueError, "add up to 5, the data set has 6"),
    (lambda: random_split(Squares(), [0.5, 0.6]), ValueError, "shares must add up to 1"),
    (lambda: Dataset()[0], NotImplementedError, "Dataset defines no __getitem__"),
    (lambda: len(Dataset()), NotImplementedError, "Dataset defines no __len__")])
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
