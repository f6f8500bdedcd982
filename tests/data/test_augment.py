import numpy as np
import pytest

from tinydl.data import ArrayDataset, Augment, Batches, DataError
from tinydl.data.augment import _soft, as_augment, gather


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


def test_reflected_at_the_edge_pixels():
    data = pictures()
    got = gather(data, [0, 1], np.array([[-2, 1], [1, -3]], np.int32), np.array([2, 3], np.uint8))
    padded = np.pad(data.images, ((0, 0), (0, 0), (3, 3), (3, 3)), "reflect")
    assert np.array_equal(got[0], padded[0, :, 1:5, 4:9])
    assert np.array_equal(got[1], padded[1, :, 4:8, 0:5][..., ::-1])


def test_draw_of_a_reflecting_shift():
    zeros, reflect = (Augment(2, padding=padding).draw(50, seed=1, epoch=4) for padding in ("zeros", "reflect"))
    assert np.array_equal(zeros[0], reflect[0])
    assert np.array_equal(zeros[1] + 2, reflect[1])
    assert Augment(2, False, "reflect").draw(3, 0, 0)[1].tolist() == [2, 2, 2]
    assert Augment(0, False, "reflect").draw(3, 0, 0) == (None, None)


def test_mirrored_by_turns():
    epochs = [Augment(2, "alternate", "reflect").draw(1000, seed=5, epoch=epoch) for epoch in range(5)]
    sides = np.array([modes & 1 for _, modes in epochs])
    assert 0.45 < sides[0].mean() < 0.55
    assert np.array_equal(sides[2], sides[0]) and np.array_equal(sides[4], sides[0])
    assert np.array_equal(sides[1], 1 - sides[0]) and np.array_equal(sides[3], 1 - sides[0])
    assert not np.array_equal(epochs[0][0], epochs[2][0])  # the shifts are drawn anew
    assert not np.array_equal(sides[0], Augment(2, "alternate").draw(1000, seed=6, epoch=0)[1])


def test_two_epochs_by_turns_show_both_sides():
    data = pictures()
    batches = Batches(data, 2, seed=3, augment=Augment(0, "alternate"))
    first, second = (np.concatenate([x for x, _ in batches]) for _ in range(2))
    assert np.array_equal(first, second[..., ::-1])
    assert all(np.array_equal(x, image) or np.array_equal(x, image[..., ::-1])
               for x, image in zip(first, data.images, strict=True))


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
    with pytest.raises(DataError, match=r"shift is for pictures and signals, not for samples of shape \(2,\)"):
        Batches((np.zeros((4, 2)), np.zeros(4, int)), 2, augment=Augment())


@pytest.mark.parametrize("shift", [-1, 1.5, True, np.True_, np.arange(1, 3)])
def test_shift_that_cannot_be(shift):
    with pytest.raises(ValueError, match="shift must be a number of pixels"):
        Augment(shift)


@pytest.mark.parametrize("options, message", [
    ({"mirror": "both"}, "mirror must be True, False or 'alternate', got 'both'"),
    ({"padding": "edge"}, "padding must be 'zeros' or 'reflect', got 'edge'"),
])
def test_options_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        Augment(**options)


def test_repr():
    assert repr(Augment(2, "alternate", "reflect")) == "Augment(shift=2, mirror='alternate', padding='reflect')"
    assert repr(Augment(2, False)) == "Augment(shift=2, mirror=False)"


ALL = {"shift": 1, "mirror": True, "rotate": 20, "scale": 0.2, "brightness": 0.2, "contrast": 0.2, "noise": 0.1,
       "cutout": 2, "mixup": 0.4, "cutmix": 1}


@pytest.mark.parametrize(("shape", "settings"), [
    ((2, 6, 5), ALL), ((2, 6, 5), {**ALL, "padding": "reflect"}),
    ((2, 9), {"shift": 2, "mirror": False, "noise": 0.1, "cutout": 3, "mixup": 1, "cutmix": 1}),
    ((4,), {"shift": 0, "mirror": False, "noise": 0.1, "mixup": 1}),
])
def test_any_sample_is_changed_alike_in_any_batch_and_after_a_resume(shape, settings):
    rng = np.random.default_rng(0)
    data = ArrayDataset(rng.random((7, *shape)), np.arange(7) % 3, mean=0.4, std=0.3)
    seen = []
    for size in (1, 3, 7):
        batches = Batches(data, size, shuffle=True, seed=4, epoch=1, augment=Augment(**settings))
        seen.append([np.concatenate(part) for part in zip(*batches, strict=True)])
    for x, y in seen[1:]:
        assert np.array_equal(x, seen[0][0]) and np.array_equal(y, seen[0][1])
    assert x.dtype == y.dtype == np.float32 and y.shape == (7, 3)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)
    again = Batches(data, 3, shuffle=True, seed=4, epoch=1, start=2, augment=Augment(**settings))
    assert np.array_equal(next(iter(again))[0], seen[0][0][6:])
    assert not np.array_equal(next(iter(Batches(data, 7, seed=4, epoch=2, augment=Augment(**settings))))[0], x)


def test_time_shift_of_a_signal():
    data = ArrayDataset(np.arange(1, 7, dtype=np.float32).reshape(1, 1, 6), [0])
    seen = {tuple(next(iter(Batches(data, 1, epoch=k, augment=Augment(2, False))))[0].ravel()) for k in range(40)}
    assert seen == {(3, 4, 5, 6, 0, 0), (2, 3, 4, 5, 6, 0), (1, 2, 3, 4, 5, 6), (0, 1, 2, 3, 4, 5), (0, 0, 1, 2, 3, 4)}


def test_mixed_labels_by_hand():
    labels, chosen, others = np.array([2, 0, 1]), np.array([0, 1]), np.array([1, 1])
    assert _soft(labels, chosen, others, np.float32([0.75, 0.25]), 3).tolist() == [[0.25, 0, 0.75], [1, 0, 0]]
    rows = np.array([[0, 1], [1, 1], [0, 0]])
    assert _soft(rows, chosen, others, np.float32([0.75, 0.25]), 2).tolist() == [[0.25, 1], [1, 1]]
    values = np.float32([[8], [4], [0]])
    assert _soft(values, chosen, others, np.float32([0.75, 0.25]), None).tolist() == [[7], [4]]


def test_functions_get_batches_and_numbers_of_their_own():
    def double(x, y, rng):
        seen.append(rng.integers(1000))
        return 2 * x, y + 1

    data, seen = pictures(), []
    (x, y), _ = Batches(data, 2, seed=1, augment=double)
    assert np.array_equal(x, 2 * data.images[:2]) and y.tolist() == [1, 2]
    numbers = list(seen)
    list(Batches(data, 2, seed=1, start=1, augment=Augment(0, False, functions=[double])))
    assert numbers[0] != numbers[1] and seen[2:] == numbers[1:]


@pytest.mark.parametrize(("function", "error", "message"), [
    (lambda x, y, rng: x, TypeError, r"must return a batch \(x, y\), got ndarray"),
    (lambda x, y, rng: (x[:1], y), ValueError, "must return x of floats and y of 3 samples, got float32 of shape"),
])
def test_functions_that_return_no_batch(function, error, message):
    with pytest.raises(error, match=message):
        list(Batches(pictures(), 3, augment=function))


@pytest.mark.parametrize(("labels", "got"), [(None, "no labels"), (np.arange(12).reshape(3, 4), r"shape \(3, 4\)"),
                                            (np.zeros((3, 4, 5), int), r"shape \(3, 4, 5\)")])
def test_labels_that_cannot_be_mixed(labels, got):
    data = ArrayDataset(np.zeros((3, 1, 4, 5)), np.arange(3))
    with pytest.raises(DataError, match=f"mixup mixes class numbers .*, got .*{got}"):
        Augment(0, False, mixup=1).check(data.image_shape, labels)


def test_what_augment_takes():
    assert as_augment(None) is None and as_augment("none") is None
    assert repr(as_augment("shift=2,rotate=10")) == "Augment(shift=2, mirror=False, rotate=10.0)"
    with pytest.raises(TypeError, match="augment must be a tinydl.data.Augment, words"):
        as_augment(3)
    with pytest.raises(TypeError, match="functions must be callables"):
        Augment(functions=[3])
