"""Comparisons of arrays that NaN fails and that say how wrong the result is."""

import numpy as np

__all__ = ["assert_close", "assert_same", "relative_error"]


def relative_error(actual, expected):
    """norm(actual - expected) / norm(expected) in float64, 0 for equal arrays, NaN if either holds NaN.

    The norm-wise error is what rounding of a sum bounds; that of a single element, whose exact value may be near 0,
    is not.
    """
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    if np.array_equal(actual, expected):
        return 0.0
    scale = float(np.linalg.norm(expected.ravel()))
    error = float(np.linalg.norm((actual - expected).ravel()))
    return error / scale if scale else error


def _default(dtype):
    return {"float32": 1e-5, "float64": 1e-12}.get(np.dtype(dtype).name, 0.0)


def assert_close(actual, expected, rtol=None, what="result"):
    """Raise AssertionError unless the shapes agree and the norm-wise relative error is at most `rtol`.

    NaN must stand where NaN is expected and infinities where they are; the norm is over the rest. `rtol` None means
    1e-5 for a float32 `actual`, 1e-12 for float64, equality for integers.

    Examples
    --------
    >>> assert_close(np.float32([1, 2]), [1, 2.000001])
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        raise AssertionError(f"{what}: shape {actual.shape}, expected {expected.shape}")
    rtol = _default(actual.dtype) if rtol is None else rtol
    finite = np.isfinite(expected)
    same = np.where(np.isnan(expected), np.isnan(actual), actual == expected) | finite
    if not same.all() or not np.isfinite(actual[finite]).all():
        wrong = ~same | (finite & ~np.isfinite(actual))
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise AssertionError(f"{what}: {actual[place]} at {place}, expected {expected[place]} "
                             f"({int(wrong.sum())} such of {actual.size})")
    error = relative_error(actual[finite], expected[finite])
    if not error <= rtol:
        gap = np.where(finite, np.abs(np.asarray(actual, np.float64) - np.where(finite, expected, 0)), 0)
        place = tuple(int(i) for i in np.unravel_index(int(gap.argmax()), gap.shape))
        raise AssertionError(f"{what}: norm-wise relative error {error:.3g} is over {rtol:.3g}; worst element "
                             f"{actual[place]} at {place}, expected {expected[place]}")


def assert_same(actual, expected, what="result"):
    """Raise AssertionError unless both have the same dtype, shape and bits (NaN equals NaN of the same bits)."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        raise AssertionError(f"{what}: {actual.dtype} {actual.shape}, expected {expected.dtype} {expected.shape}")
    kind = f"u{actual.dtype.itemsize}"
    differs = actual.view(kind) != expected.view(kind)
    if differs.any():
        place = tuple(int(i) for i in np.argwhere(differs)[0])
        raise AssertionError(f"{what}: {int(differs.sum())} of {actual.size} elements differ, first {actual[place]!r} "
                             f"at {place}, expected {expected[place]!r}")
