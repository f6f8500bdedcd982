"""Turned and enlarged images: literal numbers, SciPy, the reference twin, threads, arguments, NaN, guard cells."""

import numpy as np
import pytest

from tinydl._core import warp as kernels
from tinydl._core.reference import warp as reference
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import flawed, guarded, laid_out

BOTH = pytest.mark.parametrize("module", [kernels, reference], ids=["kernel", "reference"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SHAPES = [(3, 1, 4, 4), (2, 3, 9, 10), (2, 17, 5, 3), (5, 3, 32, 32), (2, 2, 1, 1), (2, 1, 1, 7), (0, 3, 4, 4),
          (2, 0, 3, 3)]
EACH = pytest.mark.parametrize("shape", SHAPES, ids=str)


def turned(module, images, maps, black=None, reflect=False, n_threads=1):
    """The images of (N, C, H, W), warped between guard cells."""
    images = laid_out(images, "activation")
    maps = np.array(maps, np.float64).reshape(len(images), 2)
    black = np.zeros(images.shape[1], images.dtype) if black is None else np.array(black, images.dtype)
    return guarded(lambda out: module.warp(images, maps, black, out, reflect, n_threads), [images, maps, black],
                   (images.shape, images.dtype, "activation"))[0]


def drawn(shape, dtype, seed=0):
    """Images, maps of any angle and of zooms that reach far outside, and black."""
    rng = np.random.default_rng(seed)
    angle, zoom = rng.uniform(-7, 7, shape[0]), rng.uniform(0.2, 3, shape[0])
    return (rng.standard_normal(shape).astype(dtype), np.stack([np.cos(angle), np.sin(angle)], 1) / zoom[:, None],
            rng.standard_normal(shape[1]))


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_quarter_turns_by_hand(module, dtype):
    picture = np.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]] * 3, dtype)[:, None]
    got = turned(module, picture, [[0, 1], [-1, 0], [1, 0]])
    assert got[:, 0].tolist() == [[[3, 6, 9], [2, 5, 8], [1, 4, 7]],  # anticlockwise
                                  [[9, 8, 7], [6, 5, 4], [3, 2, 1]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]]


@BOTH
def test_zoom_by_hand(module):
    line = np.array([[[[0, 4, 8, 12]]], [[[8, 0, 0, 16]]]], np.float64)
    # Columns come from 3/4, 5/4, 7/4, 9/4; then from -3/2, 1/2, 5/2, 9/2, outside of which is -1.
    got = turned(module, line, [[0.5, 0], [2, 0]], [-1.0])
    assert got[:, 0, 0].tolist() == [[3, 5, 7, 9], [-1, 4, 8, -1]]
    # Mirrored at 0 and 3: -2, -1 are 2, 1; 4, 5 are 2, 1.
    got = turned(module, line, [[0.5, 0], [2, 0]], [-1.0], reflect=True)
    assert got[:, 0, 0].tolist() == [[3, 5, 7, 9], [0, 4, 8, 0]]


@BOTH
def test_a_neighbour_outside_is_black_for_its_share(module):
    # Places -1/2 and 3/2 of two pixels; black of two channels.
    got = turned(module, np.array([[[[6, 6]], [[0, 8]]]], np.float32), [[2, 0]], [-2, 4])
    assert got.tolist() == [[[[2, 2]], [[2, 6]]]]


# --- 2 equal to others -----------------------------------------------------------------------------------------------

@EACH
@DTYPES
@pytest.mark.parametrize("reflect", [False, True])
def test_equal_to_the_twin(shape, dtype, reflect):
    images, maps, black = drawn(shape, dtype)
    got, expected = (turned(module, images, maps, black, reflect) for module in (kernels, reference))
    assert_close(got, expected, bound("warp", dtype))


@pytest.mark.parametrize(("reflect", "mode"), [(False, "grid-constant"), (True, "mirror")])
def test_equal_to_scipy(reflect, mode):
    ndimage = pytest.importorskip("scipy.ndimage")
    images, maps, black = drawn((6, 2, 11, 8), np.float64, 3)
    got = turned(kernels, images, maps, black, reflect)
    middle = np.array([5.0, 3.5])
    for n, (cos, sin) in enumerate(maps):
        matrix = np.array([[cos, sin], [-sin, cos]])
        for c in range(2):
            expected = ndimage.affine_transform(images[n, c], matrix, middle - matrix @ middle, order=1, mode=mode,
                                                cval=black[c])
            np.testing.assert_allclose(got[n, c], expected, rtol=0, atol=1e-12)


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(shape, dtype):
    images, maps, black = drawn(shape, dtype, 1)
    first = turned(kernels, images, maps, black)
    for n_threads in (2, 3, 7):
        assert_same(turned(kernels, images, maps, black, n_threads=n_threads), first)


# --- 5 arguments -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["images", "maps", "black", "out"])
def test_refused_arrays(name):
    images, maps, black = drawn((3, 2, 5, 4), np.float32)
    good = {"images": laid_out(images, "activation"), "maps": maps, "black": black.astype(np.float32),
            "out": laid_out(images, "activation"), "reflect": False}
    bad = flawed(good[name])
    if name in ("images", "out"):
        bad["row-major"] = (np.ascontiguousarray(images), ValueError)
        bad["another shape"] = (laid_out(images.reshape(3, 2, 4, 5), "activation"), ValueError)
    for what, (array, _) in bad.items():
        with pytest.raises((TypeError, ValueError)):
            kernels.warp(*{**good, name: array}.values())
            pytest.fail(f"warp took {name}: {what}")
    good["out"].flags.writeable = False
    with pytest.raises(ValueError, match="out"):
        kernels.warp(*good.values())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e7])
def test_a_map_to_nowhere_is_named(value):
    maps = [[1, 0], [1, value]]
    with pytest.raises(ValueError, match=rf"maps: row 1 holds {value}, expected a number from -1000000 to 1000000"):
        turned(kernels, np.zeros((2, 1, 3, 3), np.float32), maps)


def test_in_place_is_refused():
    x = laid_out(np.ones((1, 1, 2, 2), np.float32), "activation")
    with pytest.raises(ValueError, match="must be another array"):
        kernels.warp(x, np.array([[1.0, 0]]), np.zeros(1, np.float32), x, False)


# --- 6 NaN -----------------------------------------------------------------------------------------------------------

@BOTH
def test_nan_reaches_the_pixels_that_read_it(module):
    """The image enlarged twice: columns 3/4, 5/4, 7/4, 9/4 read pixels 0-1, 1-2, 1-2, 2-3; the other image is left."""
    line = np.array([[[[np.nan, 4, 8, 12]]], [[[0, 4, 8, 12]]]], np.float32)
    got = turned(module, line, [[0.5, 0], [0.5, 0]])
    assert np.isnan(got[:, 0, 0]).tolist() == [[True, False, False, False], [False] * 4]
