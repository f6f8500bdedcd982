import re

import numpy as np
import pytest

from tinydl.data import ArrayDataset, Augment, Batches, epoch_order
from tinydl.data.augment import gather
from tinydl.data.batches import as_dataset


def dataset(n=10, c=3, dtype=np.uint8, **kwargs):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (n, c, 4, 5)).astype(dtype)
    return ArrayDataset(x, np.arange(n) % 3, **kwargs)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("c", [1, 3])
@pytest.mark.parametrize("mean_std", [(None, None), (0.5, 0.25), ([0.1, 0.2, 0.3], [1, 2, 4])])
def test_gather_is_the_formula_and_channels_last(dtype, c, mean_std):
    mean, std = mean_std
    if isinstance(mean, list):
        mean, std = mean[:c], std[:c]
    data = dataset(c=c, dtype=dtype, mean=mean, std=std)
    chosen = np.array([7, 0, 7, 3])
    got = gather(data, chosen)
    m = np.broadcast_to(np.asarray(0 if mean is None else mean, float), (c,))[:, None, None]
    s = np.broadcast_to(np.asarray(1 if std is None else std, float), (c,))[:, None, None]
    want = (data.images[chosen].astype(float) * data.scale - m) / s
    assert got.dtype == np.float32
    assert got.shape == (4, c, 4, 5)
    assert got.transpose(0, 2, 3, 1).flags.c_contiguous
    assert np.abs(got - want).max() <= 1e-6 * max(1, np.abs(want).max())


@pytest.mark.parametrize("shape", [(9, 7), (9, 2, 11)])
def test_gather_of_features_and_signals(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    got = gather(ArrayDataset(x, np.zeros(9, int)), [8, 2])
    assert np.array_equal(got, x[[8, 2]].astype(np.float32))


def test_data_are_not_written():
    data = dataset(mean=0.5, std=0.1)
    before = data.images.copy()
    for x, _ in Batches(data, 4):
        x[...] = 0
    assert np.array_equal(data.images, before)


def test_every_sample_once_per_epoch_with_its_label():
    x = np.arange(11, dtype=np.float32).reshape(11, 1)
    seen = []
    sizes = []
    for a, y in Batches((x, np.arange(11) % 4), 4, shuffle=True, seed=5):
        assert np.array_equal(a[:, 0].astype(int) % 4, y)
        seen += a[:, 0].tolist()
        sizes.append(len(a))
    assert sorted(seen) == list(range(11))
    assert seen != list(range(11))
    assert sizes == [4, 4, 3]


@pytest.mark.parametrize(("n", "size", "drop_last", "count"), [
    (11, 4, False, 3), (11, 4, True, 2), (12, 4, True, 3), (3, 8, False, 1), (3, 8, True, 0), (5, 1, False, 5),
    (5, 5, False, 1),
])
def test_number_of_batches(n, size, drop_last, count):
    batches = Batches((np.zeros((n, 1)), np.zeros(n, int)), size, drop_last=drop_last)
    assert len(batches) == count
    assert len(list(batches)) == count


def test_order_follows_from_seed_and_epoch_alone():
    assert np.array_equal(epoch_order(50, 1, 2), epoch_order(50, 1, 2))
    assert not np.array_equal(epoch_order(50, 1, 2), epoch_order(50, 1, 3))
    assert not np.array_equal(epoch_order(50, 1, 2), epoch_order(50, 2, 2))
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the state that must not change
    epoch_order(50, 1, 2)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_order_is_pinned():
    # A change would silently change every published result.
    assert epoch_order(10, 0, 0).tolist() == [3, 7, 6, 4, 0, 9, 2, 1, 8, 5]


def test_start_continues_an_epoch():
    data = dataset()
    whole = [y.tolist() for _, y in Batches(data, 3, shuffle=True, seed=1, epoch=4)]
    part = Batches(data, 3, shuffle=True, seed=1, epoch=4, start=2)
    assert len(part) == 2
    assert part.total == 4
    assert [y.tolist() for _, y in part] == whole[2:]
    assert list(Batches(data, 3, start=4)) == []


def test_every_iteration_is_the_next_epoch():
    data = dataset(30)
    batches = Batches(data, 7, shuffle=True, seed=1, epoch=3, start=2)
    images = [np.concatenate([x for x, _ in batches]) for _ in range(3)]
    for k, (image, start) in enumerate(zip(images, (14, 0, 0), strict=True)):
        assert np.array_equal(image, data.normalised()[epoch_order(30, 1, 3 + k)[start:]])
    assert batches.epoch == 6
    next(iter(batches))  # an iteration that is left early was one
    batches.epoch = 3
    assert np.array_equal(np.concatenate([x for x, _ in batches])[14:], images[0])


def test_iterations_side_by_side_keep_apart():
    x = np.arange(20, dtype=np.float32)[:, None]
    batches = Batches((x, np.zeros(20, int)), 6, shuffle=True, seed=3, epoch=2)
    first, second = iter(batches), iter(batches)  # the epoch is that of the call of iter, not of the first batch
    got = [np.concatenate([next(it)[0][:, 0] for _ in range(4)]) for it in (second, first)]
    assert np.array_equal(got[0], epoch_order(20, 3, 3)) and np.array_equal(got[1], epoch_order(20, 3, 2))


def test_every_iteration_is_augmented_anew():
    batches = Batches(dataset(40), 40, augment=Augment(shift=2))
    first, second = ([x for x, _ in batches][0] for _ in range(2))
    assert not np.array_equal(first, second)
    again = Batches(dataset(40), 40, augment=Augment(shift=2), epoch=1)
    assert np.array_equal(next(iter(again))[0], second)


@pytest.mark.parametrize("value", [-1, 1.5, np.nan, True, "1"])
@pytest.mark.parametrize("name", ["n", "seed", "epoch"])
def test_bad_orders(name, value):
    with pytest.raises((ValueError, TypeError), match=rf"epoch_order: {name} must be .*{value}"):
        epoch_order(**{"n": 5, "seed": 0, "epoch": 0, name: value})


def test_without_shuffling_every_iteration_is_the_same():
    batches = Batches(dataset(), 4)
    first, second = ([x for x, _ in batches] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["seed", "epoch", "start"])
@pytest.mark.parametrize("value", [-1, 1.5, True, None, "0", np.True_, [1, 2]])
def test_bad_seed_epoch_and_start(name, value):
    with pytest.raises(ValueError, match=re.escape(f"{name} must be an integer, 0 or more, got {value!r}")):
        Batches(dataset(), 4, **{name: value})


@pytest.mark.parametrize("size", [0, -1, 2.5, True, None, np.arange(1, 3)])
def test_bad_batch_size(size):
    with pytest.raises(ValueError, match="batch_size must be a positive integer"):
        Batches(dataset(), size)


def test_batches_are_fresh_arrays():
    first, second = (x for x, _ in Batches(dataset(), 5))
    assert not np.shares_memory(first, second)


def test_as_dataset():
    data = dataset()
    assert as_dataset(data) is data
    assert as_dataset((data.images, data.labels)).n_classes == 3
    assert as_dataset(data.images).labels is None
    with pytest.raises(TypeError, match="a pair"):
        as_dataset((1, 2, 3))
