"""DataLoader: order, epochs, threads, data sets of every kind, what is refused."""

import threading

import numpy as np
import pytest

import tinydl as td
from tinydl.data import (
    ArrayDataset,
    Batches,
    DataLoader,
    Dataset,
    IterableDataset,
    TensorDataset,
    WeightedRandomSampler,
    epoch_order,
)

DATA = TensorDataset(td.arange(10), td.arange(10) * 2)


def order(loader):
    return [x.tolist() for x, _ in loader]


def test_batches_in_order():
    loader = DataLoader(DATA, 4)
    assert order(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]] and len(loader) == 3
    loader = DataLoader(DATA, batch_size=4, drop_last=True)
    assert order(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]] and len(loader) == 2 and loader.dataset is DATA
    assert all((y == x * 2).all().item() for x, y in DataLoader(DATA, 3, shuffle=True))


def test_an_iteration_is_an_epoch():
    loader = DataLoader(DATA, 10, shuffle=True, seed=5)
    found = [sum(order(loader), []) for _ in range(3)]
    assert found == [epoch_order(10, 5, k).tolist() for k in range(3)] and found[0] != found[1]
    next(iter(loader))  # a loop that is left early has begun its epoch too
    assert loader.epoch == 4
    loader.epoch = 1
    assert sum(order(loader), []) == found[1]


def test_the_seed():
    td.manual_seed(7)
    own = DataLoader(DATA, 10, shuffle=True)
    assert order(own)[0] == epoch_order(10, 7, 0).tolist()
    named = DataLoader(DATA, 10, shuffle=True, generator=td.Generator().manual_seed(3))
    assert order(named)[0] == epoch_order(10, 3, 0).tolist()


def test_images_are_gathered_as_batches_are():
    data = ArrayDataset(np.random.default_rng(0).integers(0, 255, (9, 3, 4, 4)).astype(np.uint8), np.arange(9) % 3,
                        mean=[0.1, 0.2, 0.3], std=0.5)
    loader = DataLoader(data, 4, shuffle=True, seed=1)
    for (x, y), (a, b) in zip(loader, Batches(data, 4, shuffle=True, seed=1), strict=True):
        assert isinstance(x, td.Tensor) and np.array_equal(x.data, a) and np.array_equal(y.data, b)
        assert x.data.strides == a.strides and y.dtype == np.int64
    assert [x.shape for x in DataLoader(ArrayDataset(data.images), 5)] == [(5, 3, 4, 4), (4, 3, 4, 4)]


class Slow(Dataset):
    threads: set = set()

    def __len__(self):
        return 40

    def __getitem__(self, k):
        self.threads.add(threading.get_ident())
        if k == 33:
            raise ZeroDivisionError
        return np.float32([k]), k


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_threads_keep_the_order(num_workers):
    Slow.threads = set()
    loader = DataLoader(Slow(), 4, num_workers=num_workers, sampler=range(32))
    assert sum([y.tolist() for _, y in loader], []) == list(range(32))
    assert (threading.get_ident() in Slow.threads) == (num_workers == 0)
    before = threading.active_count()
    for _ in loader:
        break
    assert threading.active_count() <= before + num_workers
    with pytest.raises(ZeroDivisionError):
        list(DataLoader(Slow(), 4, num_workers=num_workers))


def test_samplers_and_collations():
    sampler = WeightedRandomSampler([0] * 9 + [1], 5)
    assert order(DataLoader(DATA, 3, sampler=sampler)) == [[9, 9, 9], [9, 9]]
    assert order(DataLoader(DATA, batch_sampler=[[3, 1], [2]])) == [[3, 1], [2]]
    assert len(DataLoader(DATA, batch_sampler=[[3, 1], [2]])) == 2
    assert list(DataLoader(DATA, 5, collate_fn=len)) == [5, 5]
    assert order(DataLoader([(1, 2), (3, 4)], 2)) == [[1, 3]]


@pytest.mark.parametrize(("make", "message"), [
    (lambda: DataLoader(iter([])), "takes a data set with __len__ and __getitem__, got list_iterator"),
    (lambda: DataLoader(DATA, 0), "batch_size must be at least 1"),
    (lambda: DataLoader(DATA, 2, shuffle=True, sampler=[1]), "shuffle must be False"),
    (lambda: DataLoader(DATA, 2, batch_sampler=[[1]]), "leave batch_size"),
    (lambda: DataLoader(DATA, None), "a number of samples, got None"),
    (lambda: DataLoader(DATA, 2, num_workers=-1), "num_workers must be at least 0"),
    (lambda: DataLoader(DATA, 2, seed=1, generator=td.Generator()), "a generator or a seed")])
def test_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


class Squares(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return ((np.float32([k]), k * k) for k in range(self.n))


def test_samples_without_numbers():
    loader = DataLoader(Squares(5), batch_size=2)
    for _ in range(2):  # each iteration begins anew
        assert [y.tolist() for _, y in loader] == [[0, 1], [4, 9], [16]]
    assert [x.shape for x, _ in DataLoader(Squares(5), 2, drop_last=True)] == [(2, 1), (2, 1)]
    assert [len(batch) for batch in DataLoader(Squares(3), 2, collate_fn=list)] == [2, 1]
    with pytest.raises(TypeError, match="Squares defines no __len__"):
        len(loader)
    with pytest.raises(ValueError, match="in its own order"):
        DataLoader(Squares(5), 2, shuffle=True)
    with pytest.raises(NotImplementedError, match="defines no __iter__"):
        iter(IterableDataset())


def test_a_trainer_takes_a_stream():
    class Line(IterableDataset):
        def __iter__(self):
            return ((np.float32([k / 8]), np.float32([k / 4])) for k in range(8))

    net = td.nn.Linear(1, 1)
    trainer = td.train.Trainer(net, td.optim.SGD(net.parameters(), lr=0.5), td.nn.MSELoss())
    history = trainer.fit(DataLoader(Line(), 4), epochs=20, progress=False)
    assert len(history["loss"]) == 20 and history["loss"][-1] < 1e-2


def test_samples_of_other_libraries_that_are_arrays():
    class Foreign:
        """A tensor of another library."""

        def __init__(self, value):
            self.value = value

        def __array__(self, dtype=None, copy=None):
            return np.full((1, 2), self.value, np.float32)

    class Pictures:
        def __len__(self):
            return 3

        def __getitem__(self, k):
            return Foreign(k), k

    ((x, y),) = DataLoader(Pictures(), 3)
    assert x.tolist() == [[[0, 0]], [[1, 1]], [[2, 2]]] and x.dtype == "float32" and y.tolist() == [0, 1, 2]
