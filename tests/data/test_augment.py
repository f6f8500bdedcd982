import numpy as np
import pytest

from tinydl.data import ArrayDataset, Augment, Batches, DataError
from tinydl.data.augment import gather


def pictures(dtype=np.uint8, c=2):
    x = np.arange(3 * c * 4 * 5).reshape(3, c, 4, 5).astype(dtype)
    return ArrayDataset(x, np.arange(3), mean=0.0, std=1.0, scale=1.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_shift_then_mirror(dtype):
    data = pictures(dtype)
    offsets = np.array([[1, 0], [0, -2], [0, 0]], np.int32)
    got = gather(data, [0, 1, 2], offsets, np.array([0, 0, 1], np.uint8))
    x = data.images
    assert np.array_equal(got[0, :, :3], x[0, :, 1:])  # row 1 of the picture comes first
    assert np.all(got[0, :, 3] == 0)
    assert np.array_equal(got[1, :, :, 2:], x[1, :, :, :3])
    assert np.all(got[1, :, :, :2] == 0)
    assert np.array_equal(got[2], x[2, :, :, ::-1])


def test_what_comes_in_is_zero_before_normalisation():
    data = ArrayDataset(np.full((1, 1, 2, 2), 200, np.uint8), [0], mean=0.5, std=0.25)
    got = gather(data, [0], np.array([[0, 1]], np.int32))
    assert np.allclose(got[0, 0, :, 1], -2)


def test_draw_is_by_sample_and_within_its_bounds():
    offsets, flip = Augment(shift=3).draw(2000, seed=1, epoch=2)
    assert sorted(set(offsets.ravel().tolist())) == list(range(-3, 4))
    assert 0.4 < flip.mean() < 0.6
    again = Augment(shift=3).draw(2000, seed=1, epoch=2)
    assert np.array_equal(offsets, again[0])
    assert np.array_equal(flip, again[1])
    assert not np.array_equal(offsets, Augment(shift=3).draw(2000, seed=1, epoch=3)[0])
    assert Augment(0, False).draw(5, 0, 0) == (None, None)


def test_a_picture_looks_the_same_in_any_batch():
    data = pictures()
    seen = []
    for size in (1, 2, 3):
        batches = Batches(data, size, shuffle=True, seed=4, epoch=1, augment=Augment(2))
        rows = {int(label): x for xs, ys in batches for x, label in zip(xs, ys, strict=True)}
        seen.append(np.stack([rows[k] for k in range(3)]))
    assert np.array_equal(seen[0], seen[1])
    assert np.array_equal(seen[0], seen[2])


def test_only_pictures():
    with pytest.raises(DataError, match="only pictures"):
        Batches((np.zeros((4, 2)), np.zeros(4, int)), 2, augment=Augment())


@pytest.mark.parametrize("shift", [-1, 1.5, True])
def test_shift_that_cannot_be(shift):
    with pytest.raises(ValueError, match="shift must be a number of pixels"):
        Augment(shift)


def test_repr():
    assert repr(Augment(2, False)) == "Augment(shift=2, mirror=False)"
