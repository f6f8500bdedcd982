"""Dropout: the seven groups of kernel tests; the gradient is the forward map itself."""

import math

import numpy as np
import pytest

from tinydl._core import dropout
from tinydl._core.reference import dropout as reference
from tinydl.testing.compare import assert_same
from tinydl.testing.guards import Guards, flawed, laid_out

BOTH = pytest.mark.parametrize("kernels", [dropout, reference], ids=["kernel", "reference"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def normal(size, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


def drop(x, p, key0=11, key1=22, n_threads=1, kernels=dropout, way="forward"):
    y = np.full_like(x, np.nan)
    getattr(kernels, f"dropout_{way}")(x, key0, key1, p, y, n_threads)
    return y


@DTYPES
@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 1000, 16384 + 300])
@pytest.mark.parametrize("keys", [(0, 0), (1, 2), (2**64 - 1, 2**63 + 5)])
def test_dropout_equal_to_reference(dtype, size, keys):
    x = normal(size, dtype)
    for way in ("forward", "backward"):
        assert_same(drop(x, 0.4, *keys, 2, way=way), drop(x, 0.4, *keys, kernels=reference, way=way))


@BOTH
def test_dropout_keeps_all_or_none(kernels):
    x = np.array([1, np.nan, -3], np.float32)
    assert_same(drop(x, 0, kernels=kernels), x)
    assert drop(x, 1, kernels=kernels).tolist() == [0, 0, 0]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_drops_the_right_share(p):
    n = 400_000
    y = drop(np.ones(n), p)
    assert set(np.unique(y)) == {0.0, 1 / (1 - p)}
    assert abs((y == 0).mean() - p) < 4 * math.sqrt(p * (1 - p) / n)


def test_masks_of_different_keys_are_unrelated():
    n = 100_000
    keys = [(1, 1), (2, 1), (1, 2), (1 + 2**32, 1), (1, 2**32)]
    masks = [drop(np.ones(n), 0.5, key0, key1) > 0 for key0, key1 in keys]
    for i, a in enumerate(masks):
        for b in masks[:i]:
            assert abs((a == b).mean() - 0.5) < 4 * math.sqrt(0.25 / n)


def test_dropout_in_any_dense_order_goes_by_memory():
    x = laid_out(normal((2, 3, 4, 5), np.float32), "activation")
    y = drop(x, 0.5)
    flat = drop(np.ascontiguousarray(x.transpose(0, 2, 3, 1)), 0.5)
    assert_same(y.transpose(0, 2, 3, 1), flat)
    assert_same(drop(x, 0.5, kernels=reference), y)


@DTYPES
def test_same_mask_for_any_number_of_threads(dtype):
    x = normal(70_001, dtype)
    first = drop(x, 0.3, n_threads=1)
    for n_threads in (1, 2, 3, 7):
        assert_same(drop(x, 0.3, n_threads=n_threads), first)


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan, np.inf])
def test_it_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match="probability"):
        drop(np.ones(3, np.float32), p)


@pytest.mark.parametrize(("kernel", "names"), [("dropout_forward", ("x", "y")), ("dropout_backward", ("dy", "dx"))])
def test_refused_arrays(kernel, names):
    def call(first, second):
        getattr(dropout, kernel)(first, 1, 2, 0.5, second, 1)

    good = [normal((4, 6), np.float32, i) for i in range(2)]
    for i in range(2):
        for what, (array, error) in flawed(good[i]).items():
            if i == 0 and what == "other float":
                continue  # the first array sets the type: the other one is then refused, below
            with pytest.raises((error, ValueError) if "integers" in what or i == 0 else error) as raised:
                call(*[array if i == j else g for j, g in enumerate(good)])
            assert str(raised.value).split(":")[0] in names, what
    frozen = good[0].copy()
    frozen.flags.writeable = False
    call(frozen, good[1])
    with pytest.raises(ValueError, match=f"{names[1]}.*read-only"):
        call(good[0], frozen)


@DTYPES
@pytest.mark.parametrize("size", [1, 255, 257, 16385])
def test_nothing_else_is_written(dtype, size):
    guards, x = Guards(), normal(size, dtype)
    kept, y = x.copy(), guards.empty((size,), dtype)
    dropout.dropout_forward(x, 1, 2, 0.5, y, 2)
    guards.check()
    assert_same(x, kept)
    assert np.isin(y, [0, *(2 * x)]).all()


def test_philox_known_answers():
    """The published test vectors of Philox4x32-10 (Random123, kat_vectors)."""
    words = reference._philox((0, 0, 0, 0), (0, 0))
    assert [int(w) for w in words] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    words = reference._philox((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2)
    assert [int(w) for w in words] == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    words = reference._philox((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0))
    assert [int(w) for w in words] == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]
