"""The batch gather: literal numbers, the reference twin, threads, arguments, special values, guard cells."""

import numpy as np
import pytest

from tinydl._core import augment
from tinydl._core.reference import augment as reference
from tinydl.testing.guards import Guards, flawed, laid_out

BOTH = pytest.mark.parametrize("kernels", [augment, reference], ids=["kernel", "reference"])
TYPES = pytest.mark.parametrize("types", [(np.uint8, np.float32), (np.float32, np.float32), (np.uint8, np.float64),
                                          (np.float64, np.float64)], ids=lambda t: f"{t[0].__name__}-{t[1].__name__}")
SHAPES = [(9, 1, 8, 8), (20, 3, 12, 10), (5, 1, 28, 28), (4, 17, 5, 3), (3, 3, 40, 70), (6, 2, 1, 1), (7, 3, 33),
          (2, 1, 5000)]
EACH = pytest.mark.parametrize("shape", SHAPES, ids=str)


class Case:
    """Images, a choice of them with repeats, exact scales and shifts, offsets that also miss the image, mirrors."""

    def __init__(self, shape, types, n=11, seed=0):
        rng = np.random.default_rng(seed)
        self.images = laid_out(rng.integers(0, 256, shape), "activation", types[0])
        self.dtype = types[1]
        self.index = rng.integers(0, shape[0], n)
        self.scale, self.shift = (rng.integers(-4, 5, shape[1]).astype(self.dtype) for _ in range(2))
        self.offsets = rng.integers(-3, 4, (n, 2)).astype(np.int32)
        self.offsets[:2] = [[0, 0], [0, 1]]
        self.offsets[2:4] = [[10**6, 0], [0, -(2**31)]]
        self.modes = rng.integers(0, 4, n).astype(np.uint8)
        self.modes[:2] = [2, 3]

    def inputs(self):
        return [v for v in vars(self).values() if isinstance(v, np.ndarray)]

    def run(self, kernels, offsets=True, modes=True, n_threads=1):
        guards, before = Guards(), [a.copy() for a in self.inputs()]
        out = guards.empty((len(self.index), *self.images.shape[1:]), self.dtype, "activation")
        kernels.gather(self.images, self.index, self.scale, self.shift, self.offsets if offsets else None,
                       self.modes if modes else None, out, n_threads)
        guards.check()
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, self.inputs(), strict=True))
        return out


@BOTH
def test_literal_numbers(kernels):
    images = np.array([[[[1, 2, 3], [4, 5, 6]]], [[[0, 10, 20], [30, 40, 250]]]], np.uint8)
    out = np.empty((3, 1, 2, 3), np.float32)
    arguments = (images, np.array([1, 0, 1]), np.array([2], np.float32), np.array([-1], np.float32))
    kernels.gather(*arguments, None, None, out)
    assert out[:, 0].tolist() == [[[-1, 19, 39], [59, 79, 499]], [[1, 3, 5], [7, 9, 11]], [[-1, 19, 39], [59, 79, 499]]]
    # Down by one row and right by one column; beyond the image a raw 0, which the affine map makes -1.
    kernels.gather(*arguments, np.array([[1, 0], [0, -1], [1, 1]], np.int32), np.array([0, 0, 1], np.uint8), out)
    assert out[:, 0].tolist() == [[[59, 79, 499], [-1, -1, -1]], [[-1, 1, 3], [-1, 7, 9]],
                                  [[-1, 499, 79], [-1, -1, -1]]]


@BOTH
def test_reflection_by_hand(kernels):
    """dcb | abcd | cba: the edge pixel itself is not repeated."""
    images = np.array([[[[1, 2, 5, 6], [3, 4, 7, 8]]]], np.uint8)
    one = np.ones(1, np.float32)
    offsets = np.array([[0, -2], [0, 3], [-1, 1], [1, 1], [0, 7], [0, -2]], np.int32)
    modes = np.array([2, 2, 2, 3, 2, 3], np.uint8)
    out = np.empty((6, 1, 2, 4), np.float32)
    kernels.gather(images, np.zeros(6, np.int64), one, 0 * one, offsets, modes, out)
    assert out[:, 0].tolist() == [
        [[5, 2, 1, 2], [7, 4, 3, 4]],  # two columns come in from the left
        [[6, 5, 2, 1], [8, 7, 4, 3]],  # three from the right
        [[4, 7, 8, 7], [2, 5, 6, 5]],  # row -1 is row 1
        [[7, 8, 7, 4], [5, 6, 5, 2]],  # row 2 is row 0, and all is mirrored
        [[2, 5, 6, 5], [4, 7, 8, 7]],  # columns 7 to 10 have been there and back: 1, 2, 3, 2
        [[2, 1, 2, 5], [4, 3, 4, 7]],  # the first one, mirrored
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_reflection_is_that_of_numpy(size):
    """One image of random pixels, padded by numpy.pad as far as any offset reaches."""
    rng = np.random.default_rng(size)
    image = rng.integers(0, 256, (1, 2, size, size + 1), np.uint8)
    padded = np.pad(image[0], ((0, 0), (4, 4), (4, 4)), "reflect")
    offsets = rng.integers(-4, 5, (60, 2), np.int32)
    out = np.empty((60, size, size + 1, 2), np.float32).transpose(0, 3, 1, 2)
    augment.gather(laid_out(image, "activation", np.uint8), np.zeros(60, np.int64), np.ones(2, np.float32),
                   np.zeros(2, np.float32), offsets, np.full(60, 2, np.uint8), out)
    for (dy, dx), got in zip(offsets, out, strict=True):
        assert np.array_equal(got, padded[:, 4 + dy:4 + dy + size, 4 + dx:5 + dx + size])


@EACH
@TYPES
def test_exact(shape, types):
    case = Case(shape, types)
    if len(shape) == 3:  # (M, C, L): the reference knows images only
        image = Case((shape[0], shape[1], 1, shape[2]), types)
        for options in ({"offsets": False}, {}):
            assert np.array_equal(case.run(augment, **options), image.run(reference, **options)[:, :, 0])
        return
    for offsets in (False, True):
        for modes in (False, True):
            got, expected = (case.run(kernels, offsets, modes) for kernels in (augment, reference))
            assert np.array_equal(got, expected), (offsets, modes)


@EACH
def test_rounding_is_that_of_one_multiply_and_add(shape):
    case = Case(shape, (np.uint8, np.float32))
    case.scale, case.shift = (np.random.default_rng(1).standard_normal(shape[1]).astype(np.float32) for _ in range(2))
    column = (-1, *[1] * (len(shape) - 2))
    expected = case.images[case.index] * case.scale.reshape(column).astype(np.float64) + case.shift.reshape(column)
    np.testing.assert_allclose(case.run(augment, False, False), expected, rtol=1e-6, atol=1e-4)


@EACH
@TYPES
def test_same_bits_for_any_number_of_threads(shape, types):
    case = Case(shape, types, 40)
    case.scale, case.shift = case.scale / 3, case.shift / 7
    first = case.run(augment)
    for n_threads in (1, 2, 3, 7):
        assert np.array_equal(case.run(augment, n_threads=n_threads), first)


@pytest.mark.parametrize("name", ["images", "index", "scale", "shift", "offsets", "modes", "out"])
def test_refused_arrays(name):
    case = Case((20, 3, 12, 10), (np.uint8, np.float32))
    good = {"images": case.images, "index": case.index, "scale": case.scale, "shift": case.shift,
            "offsets": case.offsets, "modes": case.modes, "out": case.run(augment)}
    bad = flawed(good[name])
    if name in ("images", "modes"):  # a byte is always aligned and has no order; an image more is only an image more
        del bad["misaligned"], bad["other byte order"]
    if name == "images":
        bad = {what: entry for what, entry in bad.items() if what not in ("one more", "none of the elements", "floats")}
    if good[name].ndim > 1:
        bad["row-major or column-major"] = (np.asfortranarray(good[name]), ValueError)
        bad["other shape"] = (good[name].reshape(-1, *good[name].shape[2:]), ValueError)
    if name == "out":
        bad["read-only"] = (good["out"].copy(order="K"), ValueError)
        bad["read-only"][0].flags.writeable = False
    for what, (array, error) in bad.items():
        with pytest.raises((ValueError, TypeError) if name in ("images", "out") else error):
            augment.gather(*{**good, name: array}.values())
            pytest.fail(f"gather took {name}: {what}")


@BOTH
@pytest.mark.parametrize("value", [-1, 20, 2**62, -(2**63)])
def test_an_index_out_of_range_is_named(kernels, value):
    case = Case((20, 3, 12, 10), (np.uint8, np.float32))
    case.index[4] = value
    with pytest.raises(IndexError, match=f"row 4 holds {value}, expected 0 to 19"):
        case.run(kernels)


def test_empty_batches_and_read_only_images():
    case = Case((20, 3, 12, 10), (np.uint8, np.float32), 5)
    case.images.flags.writeable = False
    case.run(augment)
    out = np.empty((0, 3, 12, 10), np.float32)
    augment.gather(case.images, np.empty(0, np.int64), case.scale, case.shift, None, None, out)
    none = laid_out(np.empty((0, 3, 12, 10)), "activation", np.uint8)
    augment.gather(none, np.empty(0, np.int64), case.scale, case.shift, None, None, out)


def test_nan_stays_in_its_pixel():
    case = Case((20, 3, 12, 10), (np.float32, np.float32))
    case.images[case.index[0], 1, 5, 5] = np.nan
    case.scale[...] = 1
    out = case.run(augment, False, False)
    assert np.isnan(out).sum() == (case.index == case.index[0]).sum()
