"""The register tiles behind their loops: literal sums, every share of channels and pixels, the same bits in any tile.

Python has no call of a strip. Linear layers and convolutions are nothing else: their sums go through every tile here.
"""

import itertools

import numpy as np
import pytest

from tinydl._core import conv, gemm
from tinydl._core.reference import conv as reference
from tinydl.testing.convolutions import Case, Problem, assert_equal_results
from tinydl.testing.guards import Guards, laid_out

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LANES = 16      # the most that a vector has


def forward(case, **options):
    """Results of the kernel and of its twin."""
    return case.forward(conv.conv_forward, **options), case.forward(reference.conv_forward, **options)


def backward(case, **options):
    return case.backward(conv.conv_backward, **options), case.backward(reference.conv_backward, **options)


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

@DTYPES
@pytest.mark.parametrize("channels", [1, LANES - 1, LANES, LANES + 1, 2 * LANES, 2 * LANES + 1, 4 * LANES + 3])
@pytest.mark.parametrize("pixels", [1, 2, 3, 4, 6, 7, 13, 14, 15, 28, 29])
def test_literal_sums(dtype, channels, pixels):
    # x[p] = (p, 1), w[k] = (k, 10 k): x w = p k + 10 k. Its transposes sum 0 .. n - 1.
    p, k = np.arange(pixels), np.arange(channels)
    x = np.stack([p, np.ones(pixels)], axis=1).astype(dtype)
    y = Guards().empty((pixels, channels), dtype)
    gemm.matmul(x, np.stack([k, 10 * k]).astype(dtype), y, 1)
    assert y.tolist() == [[a * b + 10 * b for b in range(channels)] for a in range(pixels)]
    # Outer products with dy[p] = (1, ..., 1): the sums of x over the pixels.
    dw = laid_out(np.full((channels, 2), np.nan), "weight", dtype)
    gemm.linear_backward_weight(x, np.ones((pixels, channels), dtype), dw, None, 1)
    assert dw.tolist() == [[pixels * (pixels - 1) // 2, pixels]] * channels


# --- 2 equal to the twin ---------------------------------------------------------------------------------------------

@DTYPES
@pytest.mark.parametrize("window", [1, 2, 3])
def test_exact_for_every_channel_count(dtype, window):
    rng = np.random.default_rng(5)
    counts = [*range(1, 41), 47, 48, 49, 63, 64, 65, 80, 96, 97]
    few = [1, 3, 16, 18, 33]
    for c, o in {*itertools.product(counts, few), *itertools.product(few, counts)}:
        case = Case(Problem((2, c, 4, 5), (o, c, window, window), 1, window // 2), dtype, rng)
        assert_equal_results(*forward(case), f"{c} -> {o} channels")


@DTYPES
def test_exact_for_every_width(dtype):
    rng = np.random.default_rng(6)
    for width, channels, stride in itertools.product(range(1, 66), (16, 33), (1, 2)):
        case = Case(Problem((1, 3, 2, width), (channels, 3, 1, 3), stride, (0, 1)), dtype, rng)
        assert_equal_results(*forward(case), f"width {width}, {channels} channels, stride {stride}")


@DTYPES
@pytest.mark.parametrize("window", [1, 2, 3])
def test_gradients_exact_for_every_channel_count(dtype, window):
    rng = np.random.default_rng(5)
    counts = [*range(1, 41), 47, 48, 49, 63, 64, 65, 80, 96, 97]
    few = [1, 3, 16, 18, 33]
    for c, o in {*itertools.product(counts, few), *itertools.product(few, counts)}:
        case = Case(Problem((2, c, 4, 5), (o, c, window, window), 1, window // 2), dtype, rng)
        assert_equal_results(*backward(case), f"{c} -> {o} channels")


@DTYPES
def test_gradients_exact_for_every_width(dtype):
    rng = np.random.default_rng(6)
    for width, channels, stride in itertools.product(range(1, 66), (16, 33), (1, 2)):
        case = Case(Problem((1, 3, 2, width), (channels, 3, 1, 3), stride, (0, 1)), dtype, rng)
        assert_equal_results(*backward(case), f"width {width}, {channels} channels, stride {stride}")


def test_few_filters_over_one_channel_exact():
    """Pixels share a vector: rows in blocks, rows beyond a block, images summed together, windows beyond a tile."""
    rng = np.random.default_rng(8)
    shapes = [((2, 1, 6, width), 3, 1) for width in (8, 9, 15, 16, 17, 31)] + [
        ((3, 1, 28, 28), 5, 2), ((2, 1, 70, 21), 2, 0), ((2, 1, 3, 530), 3, 1), ((40, 1, 4, 9), 1, 0),
        ((1, 1, 12, 20), 8, 3), ((1, 1, 12, 20), 9, 4)]
    for (shape, window, padding), filters in itertools.product(shapes, range(1, 8)):
        what = f"{shape}, {filters} filters"
        case = Case(Problem(shape, (filters, 1, window, window), 1, padding), np.float32, rng)
        assert_equal_results(*forward(case), what)
        assert_equal_results(*backward(case), what)
        assert_equal_results(*backward(case, wanted="dw db", pending=True, activation="relu"), what)


# --- 3 the same bits -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("window", [1, 3, 5])
def test_first_layers_have_the_bits_of_wide_ones(window):
    """Pixels may share a vector where filters are few; with more filters they do not."""
    rng = np.random.default_rng(21)
    for few, width in itertools.product(range(1, 10), (6, 7, 8, 9, 15, 16, 17, 24, 30)):
        wide = Case(Problem((2, 1, 6, width), (20, 1, window, window), 1, window // 2), np.float32, rng, exact=False)
        own = Case(Problem((2, 1, 6, width), (few, 1, window, window), 1, window // 2), np.float32, rng, exact=False)
        own.x, own.w[...], own.b[...] = wide.x, wide.w[:few], wide.b[:few]
        y, among = (case.forward(conv.conv_forward)["y"] for case in (own, wide))
        assert np.array_equal(y, among[:, :few]), f"{few} filters, width {width}"


@DTYPES
@pytest.mark.parametrize("channels", [7, 40])
def test_a_pixel_has_the_same_bits_in_any_tile(dtype, channels):
    """How many pixels stand beside it decides the tile that sums it, and none of its bits."""
    rng = np.random.default_rng(22)
    x, w = rng.standard_normal((29, 50)).astype(dtype), rng.standard_normal((50, channels)).astype(dtype)
    whole = np.empty((29, channels), dtype)
    gemm.matmul(x, w, whole, 1)
    for n, n_threads in itertools.product(range(1, 30), (1, 2, 3, 7)):
        some = np.empty((n, channels), dtype)
        gemm.matmul(np.ascontiguousarray(x[:n]), w, some, n_threads)
        assert np.array_equal(some, whole[:n]), f"{n} pixels, {n_threads} threads"


# --- 4 NaN -----------------------------------------------------------------------------------------------------------

@DTYPES
@pytest.mark.parametrize("channels", [7, 33])
def test_nan_stays_in_its_pixel(dtype, channels):
    """Neighbours share a tile and a vector, and lanes beyond the channels multiply zeros: none hands it on."""
    for bad in range(15):
        x, y = np.ones((15, 3), dtype), np.empty((15, channels), dtype)
        x[bad, 1] = np.nan
        gemm.matmul(x, np.ones((3, channels), dtype), y, 1)
        expected = np.full((15, channels), 3, dtype)
        expected[bad] = np.nan
        assert np.array_equal(y, expected, equal_nan=True)
