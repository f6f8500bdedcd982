import numpy as np
import pytest

import tinydl as td
from tinydl.data import ArrayDataset, DataError, stratified_split


def images(n=6, c=3, h=4, w=5, dtype=np.uint8):
    return np.arange(n * c * h * w).reshape(n, c, h, w).astype(dtype)


def test_memory_is_channels_last_and_values_stay():
    x = images()
    data = ArrayDataset(x, np.arange(6) % 2)
    assert data.images.transpose(0, 2, 3, 1).flags.c_contiguous
    assert np.array_equal(data.images, x)
    assert data.image_shape == (3, 4, 5)
    assert len(data) == 6
    assert data.n_classes == 2
    assert data.labels.dtype == np.int64


def test_channels_last_and_single_channel_images_are_not_copied():
    x = np.ascontiguousarray(images().transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert np.shares_memory(ArrayDataset(x, np.zeros(6, int)).images, x)
    grey = images(c=1)
    assert np.shares_memory(ArrayDataset(grey, np.zeros(6, int)).images, grey)


def test_memory_mapped_single_channel_images_stay_mapped(tmp_path):
    np.save(tmp_path / "x.npy", images(c=1))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    data = ArrayDataset(mapped, np.zeros(6, int))
    assert np.shares_memory(data.images, mapped)
    assert np.allclose(data.normalised(), images(c=1) / 255, rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f8", "f2", "i4", ">u2", "bool"])
def test_other_dtypes_and_byte_orders(dtype):
    x = images(dtype=np.float64).astype(dtype)
    before = x.copy()
    x.flags.writeable = False
    data = ArrayDataset(x, np.array([0, 1, 0, 1, 0, 1], ">i2"))
    assert data.images.dtype in (np.float32, np.float64)
    assert data.images.dtype.isnative
    assert np.array_equal(data.images, before)
    assert data.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert np.array_equal(x, before)


def test_strided_and_reversed_images():
    x = images(12)[::-2, :, ::-1]
    assert np.array_equal(ArrayDataset(x, np.zeros(6, int)).images, x)


@pytest.mark.parametrize(("labels", "message"), [
    ([0, 1, 2, 3, -1, 0], r"label -1 of image 4 is not in 0\.\.9"),
    ([0, 1, 2, 10, 0, 0], r"label 10 of image 3 is not in 0\.\.9"),
    ([0, 1, 2], "6 images but 3 labels"),
    ([True] * 6, "must be integers.*bool"),
    (np.eye(10, dtype=int)[:6], r"one-hot rows into numbers with labels.argmax"),
    (np.full((6, 4, 5), 10), r"label 10 of image 0 at \(0, 0\) is not in 0\.\.9"),
    (np.array([0, 1, 2**64 - 100, 0, 0, 0], np.uint64), "label 18446744073709551516 of image 2"),
    (3, r"one class number per image, shape \(6,\), got shape \(\)"),
    (["a"] * 6, "must be integers"),
    ([0.5] * 5, "6 images but 5 targets"),
])
def test_labels_that_cannot_be(labels, message):
    with pytest.raises(DataError, match=message):
        ArrayDataset(images(), labels, class_names="0123456789")


@pytest.mark.parametrize(("labels", "cure"), [
    ([[3], [1], [2]], r"labels\.reshape\(-1\)"),  # argmax(1) would make all of them 0
    ([[1], [0], [1]], r"labels\.reshape\(-1\)"),
    ([[0, 1], [1, 0], [1, 0]], r"one-hot.*labels\.argmax\(1\)"),
    ([[1, 1, 0], [0, 0, 0], [1, 0, 1]], r"several classes.*BCEWithLogitsLoss.*labels\.astype\('float32'\)"),
    (np.array([[1, 1], [0, 0], [1, 0]], bool), r"several classes"),
    ([[3, 7], [1, 2], [2, 5]], r"targets of a regression are floats: labels\.astype\('float32'\)"),
    (np.zeros((3, 1, 4, 5), int), r"no axis of channels: labels\[:, 0\]"),
])
def test_every_kind_of_labels_has_its_own_cure(labels, cure):
    with pytest.raises(DataError, match=r"one class number per image, shape \(3,\), got shape.*" + cure):
        ArrayDataset(images(3), np.array(labels))


def test_each_cure_is_taken():
    column = np.array([[3], [1], [2]])
    assert ArrayDataset(images(3), column.reshape(-1)).labels.tolist() == [3, 1, 2]
    several = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 1]])
    assert ArrayDataset(images(3), several.astype("float32")).labels.tolist() == several.tolist()


def test_masks():
    mask = np.arange(60).reshape(3, 4, 5) % 4
    data = ArrayDataset(images(3), mask)
    assert data.labels.tolist() == mask.tolist() and data.labels.dtype == np.int64
    assert data.n_classes == 4
    assert data.subset([2]).labels.tolist() == mask[2:].tolist()
    assert ArrayDataset(images(3), mask[:, ::2, ::2]).labels.shape == (3, 2, 3)  # of a net that gives smaller pictures
    signals = ArrayDataset(np.zeros((3, 2, 5)), mask[:, 0])
    assert signals.labels.tolist() == mask[:, 0].tolist()
    with pytest.raises(DataError, match=r"label 9 of image 1 at \(2, 3\) is not in 0\.\.3"):
        mask[1, 2, 3] = 9
        ArrayDataset(images(3), mask, class_names="abcd")


@pytest.mark.parametrize(("shape", "label_shape"), [((2, 1, 4, 4), (2, 4, 4)), ((2, 3, 8, 8), (2, 4, 4)),
                                                    ((2, 3, 9), (2, 9)), ((2, 3, 9), (2, 3, 3))])
def test_one_label_for_each_position(shape, label_shape):
    labels = np.arange(np.prod(label_shape)).reshape(label_shape) % 3
    data = ArrayDataset(np.zeros(shape), labels)
    assert data.n_classes == 3
    assert np.array_equal(data.labels, labels)
    assert np.array_equal(data.subset([1]).labels, labels[1:])
    (x, y), = td.data.Batches(data, 2)
    assert x.shape == shape and np.array_equal(y, labels)
    ten = ArrayDataset(np.zeros((10, *shape[1:])), np.zeros((10, *label_shape[1:]), int))
    assert [len(part) for part in ten.split(0.2)] == [8, 2]


def test_labels_without_a_class():
    mask = np.array([[[0, 255], [2, 1]]])
    data = ArrayDataset(images(1, h=2, w=2), mask, ignore_index=255)
    assert data.n_classes == 3
    assert data.subset([0]).ignore_index == 255
    assert ArrayDataset(images(3), [-100, 1, 0], ignore_index=-100).n_classes == 2
    with pytest.raises(DataError, match="label -1 of image 0"):
        ArrayDataset(images(3), [-1, 1, 0], ignore_index=-100)


@pytest.mark.parametrize("labels", [[0, 1, 1732000000], np.array([0, 1, 2**64 - 100], np.uint64), [5, 1, 10000]])
def test_numbers_that_are_no_classes_are_named(labels):
    largest = int(np.max(labels))
    with pytest.raises(DataError, match=rf"labels reach {largest}, but only 3 classes occur \(\d, \d, {largest}\).*"
                                        "class_names"):
        ArrayDataset(images(3), labels)


def test_many_classes_are_no_fault():
    labels = np.arange(20_000)
    assert ArrayDataset(np.zeros((20_000, 1)), labels).n_classes == 20_000
    assert ArrayDataset(images(3), [0, 1, 5000]).n_classes == 5001
    assert ArrayDataset(np.zeros((3, 1)), labels[-3:], class_names=labels).n_classes == 20_000


def test_classes_that_no_label_has():
    assert ArrayDataset(images(3), [1, 2, 4]).unused_classes().tolist() == [0, 3]
    assert ArrayDataset(images(3), [0, 1, 2]).unused_classes().tolist() == []
    assert ArrayDataset(images(3), [1, 2, 1], class_names="abc").unused_classes().tolist() == []
    assert ArrayDataset(images(3), [0.5, 1, 2]).unused_classes().tolist() == []
    assert ArrayDataset(images(3), [1, 2, 4]).subset([0, 1]).unused_classes().tolist() == [0, 3, 4]


def test_negative_labels_without_class_names():
    with pytest.raises(DataError, match="label -3 of image 1"):
        ArrayDataset(images(2), [0, -3])


@pytest.mark.parametrize(("x", "message"), [
    (np.zeros(3), r"shape \(N, C, H, W\)"),
    (np.zeros((2, 2, 2, 2, 2)), r"got \(2, 2, 2, 2, 2\)"),
    (np.zeros((2, 3), complex), "complex128"),
    (np.zeros((2, 3), object), "object"),
])
def test_images_that_cannot_be(x, message):
    with pytest.raises(DataError, match=message):
        ArrayDataset(x, [0, 1])


@pytest.mark.parametrize("kwargs", [{"std": 0}, {"std": [1, -1, 1]}, {"mean": np.nan}, {"std": np.nan}])
def test_normalisation_that_cannot_be(kwargs):
    with pytest.raises(DataError, match="std positive"):
        ArrayDataset(images(), np.zeros(6, int), **kwargs)


@pytest.mark.parametrize(("kwargs", "message"), [
    ({"scale": np.nan}, "scale must be a finite number, got nan"),
    ({"scale": -np.inf}, "scale must be a finite number"),
    ({"scale": "1"}, "scale must be a number, got '1'"),
    ({"scale": 0}, "scale must not be 0"),
    ({"mean": "x"}, "mean must be one number or one per channel"),
])
def test_scales_that_cannot_be(kwargs, message):
    with pytest.raises(DataError, match=message):
        ArrayDataset(images(), **kwargs)


def test_mean_of_wrong_length():
    with pytest.raises(DataError, match=r"one per channel \(3\), got shape \(2,\)"):
        ArrayDataset(images(), np.zeros(6, int), mean=[0, 1])


def test_float_targets_are_a_regression():
    data = ArrayDataset(np.zeros((4, 2)), np.array([0.5, 1, 2, 3]))
    assert data.n_classes is None
    assert data.labels.dtype == np.float64


def test_subset_keeps_layout_labels_and_normalisation():
    data = ArrayDataset(images(), np.arange(6), mean=[1, 2, 3], std=2)
    part = data.subset([4, 1])
    assert np.array_equal(part.images, data.images[[4, 1]])
    assert part.images.transpose(0, 2, 3, 1).flags.c_contiguous
    assert part.labels.tolist() == [4, 1]
    assert part.mean.tolist() == [1, 2, 3]
    assert len(data.subset(slice(0, 3))) == 3
    assert len(data.subset(data.labels > 3)) == 2


def test_with_statistics_normalises_to_zero_and_one():
    rng = np.random.default_rng(0)
    data = ArrayDataset(rng.integers(0, 256, (50, 3, 6, 6), np.uint8), np.zeros(50, int)).with_statistics()
    x = data.normalised()
    assert np.abs(x.mean(axis=(0, 2, 3))).max() < 1e-6
    assert np.abs(x.std(axis=(0, 2, 3)) - 1).max() < 1e-6


def test_with_statistics_of_a_constant_channel():
    data = ArrayDataset(np.full((5, 1, 2, 2), 7, np.uint8), np.zeros(5, int)).with_statistics()
    assert data.std.tolist() == [1.0]
    assert np.abs(data.normalised()).max() < 1e-7


def test_stratified_split_takes_the_same_share_of_every_class():
    labels = np.repeat([0, 1, 2], [50, 10, 25])
    rest, held = stratified_split(labels, 0.2, seed=3)
    assert np.bincount(labels[held]).tolist() == [10, 2, 5]
    assert np.array_equal(np.sort(np.concatenate([rest, held])), np.arange(85))
    again = stratified_split(labels, 0.2, seed=3)[1]
    assert np.array_equal(held, again)
    assert not np.array_equal(held, stratified_split(labels, 0.2, seed=4)[1])


@pytest.mark.parametrize("fraction", [0, 1, -0.5, np.nan])
def test_stratified_split_refuses_a_bad_fraction(fraction):
    with pytest.raises(ValueError, match="between 0 and 1"):
        stratified_split([0, 1], fraction)


def test_stratified_split_of_masks_and_regressions_ignores_values():
    for labels in (np.zeros((10, 2, 2), int), np.zeros((10, 3))):
        rest, held = stratified_split(labels, 0.2)
        assert (len(rest), len(held)) == (8, 2)


def test_stratified_split_refuses_a_seed_that_is_no_count():
    with pytest.raises(TypeError, match="seed must be an integer, got 1.5"):
        stratified_split([0, 1, 1], 0.5, 1.5)


def test_global_random_state_is_not_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the state that must not change
    stratified_split(np.zeros(100, int))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_repr():
    assert repr(ArrayDataset(images(), np.arange(6), name="cats")) == "ArrayDataset(cats: 6 of 3x4x5 uint8, 6 classes)"


def test_a_mapped_file_of_colour_stays_on_disk(tmp_path):
    import tracemalloc

    values = np.random.default_rng(0).integers(0, 256, (2000, 3, 16, 16), np.uint8)
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, values.shape)
    mapped[:] = values
    labels = np.arange(2000) % 10
    tracemalloc.start()
    data = td.data.ArrayDataset(mapped, labels, mean=[0.5, 0.4, 0.3], std=0.2)
    for batch, _ in td.data.Batches(data, 32, shuffle=True):
        found = batch
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert data.images is mapped and peak < values.nbytes / 2
    plain = td.data.ArrayDataset(values, labels, mean=[0.5, 0.4, 0.3], std=0.2)
    *_, (expected, _) = td.data.Batches(plain, 32, shuffle=True)
    assert np.array_equal(found, expected)
