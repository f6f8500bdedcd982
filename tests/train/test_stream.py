import numpy as np
import pytest

import tinydl as td
from tinydl.data import ArrayDataset, Batches
from tinydl.train.stream import Stream, gives_batches


def batches(n=4):
    """(x, y) of one sample each, which name their place."""
    for k in range(n):
        yield np.full((1, 2), k, np.float32), np.array([k])


def places(stream, epoch=0, start=0):
    stream.epoch, stream.start = epoch, start
    return [int(y[0]) for _, y, _ in stream]


class Again:
    """An iterable that begins anew."""

    def __iter__(self):
        return batches()


def test_what_gives_batches():
    assert all(map(gives_batches, (batches(), batches, Again(), Batches((np.zeros((2, 2)), [0, 1]), 1),
                                    list(batches()), [(td.zeros(2, 2), td.zeros(2), np.ones(2))])))
    x = np.zeros((2, 2))
    assert not any(map(gives_batches, (
        x, td.tensor(x), (x, x), [x], [x, x[0]], [(0.5, 1.0), (2.0, 3.0)], [], {"a": x}, ArrayDataset(x), "mnist")))


@pytest.mark.parametrize("source", [batches, Again(), lambda: iter(list(batches())), list(batches())])
def test_each_epoch_begins_anew_and_goes_on_where_it_was(source):
    stream = Stream(source, "train")
    assert stream.total == (4 if isinstance(source, list) else None)
    assert places(stream) == places(stream, 1) == [0, 1, 2, 3]
    assert stream.total == 4 and places(stream, 2, 3) == [3] and places(stream, 2, 4) == []
    assert places(Stream(source, "train", 2), 5, 1) == [1]


def test_an_iterator_goes_on_in_the_next_epoch():
    stream = Stream(batches(7), "train", 3)
    assert [places(stream), places(stream, 1)] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError, match="train gave 1 batches of the 3 that steps_per_epoch says in epoch 3; an"):
        places(stream, 2)


def test_a_fresh_iterator_of_a_resumed_run_is_wound_on():
    stream = Stream(batches(9), "train", 3)
    stream.fresh = True
    assert places(stream, 1, 2) == [5] and places(stream, 2) == [6, 7, 8]
    stream = Stream(batches(9), "train")
    stream.fresh = True
    with pytest.raises(ValueError, match="say how many batches an epoch has with steps_per_epoch"):
        places(stream, 1)


def test_an_iterator_that_is_empty():
    stream = Stream(batches(), "train")
    assert places(stream) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="gave no batches in epoch 2; an iterator is empty after one pass: pass a"):
        places(stream, 1)


def test_batches_of_the_library_are_told_the_epoch():
    data = np.zeros((6, 2)), np.arange(6)
    want = [[y.tolist() for _, y in Batches(data, 2, shuffle=True, seed=1, epoch=epoch)] for epoch in (0, 1)]
    stream = Stream(Batches(data, 2, shuffle=True, seed=1), "train")
    assert stream.total == 3 and want[0] != want[1]
    for epoch, start in ((0, 0), (1, 0), (1, 2), (0, 1)):
        stream.epoch, stream.start = epoch, start
        assert [y.tolist() for _, y, _ in stream] == want[epoch][start:]


def test_a_loader_is_told_the_epoch():
    class Loader:
        epoch = 0

        def __iter__(self):
            self.epoch += 1
            return ((np.ones((1, 1)), [10 * (self.epoch - 1) + k]) for k in range(3))

    stream = Stream(Loader(), "train")
    assert places(stream, 2) == [20, 21, 22] and places(stream, 4, 2) == [42]


def one(batch, **options):
    (parts,) = list(Stream([batch].__iter__, "train", **options))
    return parts


def test_parts_become_what_a_net_takes():
    x, y, w = one((td.tensor([[1.0]]), [2], [3]))
    assert isinstance(x, np.ndarray) and y.tolist() == [2] and y.dtype == np.int64 and w.dtype == np.float32
    assert one((np.ones((1, 2)), [1]))[0].dtype == np.float32  # float64 as everywhere
    np.testing.assert_allclose(one((np.full((1, 1, 1, 1), 51, np.uint8), [1]))[0], 0.2, rtol=1e-6)
    assert one((np.array([[4, 5]]), [1.5]))[0].dtype == np.int64  # indices
    x, y, w = one((({"a": [[1.0]]}, [2.0]), {"b": [3]}))
    assert x[0]["a"].tolist() == [[1]] and x[1].tolist() == [2] and y["b"].tolist() == [3] and w is None


def test_without_labels():
    assert one(np.ones((2, 1)), labelled=False)[0].shape == (2, 1)
    assert one((np.ones((2, 1)), [0, 1]), labelled=False)[1] is None


@pytest.mark.parametrize(("batch", "error", "message"), [
    (np.zeros((2, 2)), TypeError, r"batch 1 of train must be \(x, y\) or \(x, y, weights\), got ndarray"),
    ((np.zeros((2, 2)),), TypeError, "got tuple of 1"),
    ((np.zeros((2, 2)), [0]), ValueError, r"must be of one length, got lengths \[2, 1\]"),
    ((np.zeros((2, 2)), [0, 1], [1]), ValueError, r"got lengths \[2, 2, 1\]"),
    ((np.zeros((0, 2)), []), ValueError, r"got lengths \[0, 0\]"),
    ((np.zeros((2, 2)), np.array(1)), ValueError, r"got lengths \[2, None\]"),
])
def test_what_is_no_batch(batch, error, message):
    with pytest.raises(error, match=message):
        one(batch)


@pytest.mark.parametrize("steps", [0, 1.5])
def test_steps_that_cannot_be(steps):
    with pytest.raises((ValueError, TypeError), match="steps_per_epoch must be"):
        Stream(batches, "train", steps)
