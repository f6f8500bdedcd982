"""Comparisons must fail: on NaN, on one wrong element, on shapes, on bits."""

import numpy as np
import pytest

from tinydl.testing.compare import assert_close, assert_same, relative_error

NAN, INF = np.nan, np.inf


def test_relative_error():
    assert relative_error([3, 4], [3, 4]) == 0
    assert relative_error([3, 4.5], [3, 4]) == 0.1
    assert relative_error([0.5], [0]) == 0.5
    assert np.isnan(relative_error([NAN], [1]))


@pytest.mark.parametrize(("actual", "expected"), [
    ([1.0, 2.0], [1, 2]), ([NAN, 2.0], [NAN, 2]), ([INF, -INF], [INF, -INF]), ([], []), ([1.0, 1.0 + 1e-14], [1, 1]),
    (np.float32([1, 1 + 1e-6]), [1, 1]), ([1, 2], [1, 2])])
def test_accepted(actual, expected):
    assert_close(np.asarray(actual), expected)


@pytest.mark.parametrize(("actual", "expected"), [
    ([NAN, 2.0], [1, 2]), ([1.0, 2.0], [NAN, 2]), ([INF], [-INF]), ([INF], [1]), ([1.0], [INF]), ([NAN], [INF]),
    ([INF], [NAN]),
    ([1.0, 1.0 + 1e-10], [1, 1]), (np.float32([1, 1.0001]), [1, 1]), ([1, 3], [1, 2]), ([[1.0]], [1.0]), ([1.0], [])])
def test_refused(actual, expected):
    with pytest.raises(AssertionError, match="result: "):
        assert_close(np.asarray(actual), expected)


def test_the_message_names_the_worst_element():
    with pytest.raises(AssertionError, match=r"y: norm-wise .* 7.* at \(0, 1\), expected .*5"):
        assert_close(np.array([[1.0, 7.0]]), np.array([[1.0, 5.0]]), what="y")


def test_one_wrong_element_among_many_is_seen():
    expected = np.random.default_rng(0).standard_normal(1_000_000).astype(np.float32)
    actual = expected.copy()
    actual[1234] += 1
    with pytest.raises(AssertionError, match="1234"):
        assert_close(actual, expected)


def test_same_means_the_same_bits():
    assert_same(np.array([NAN, 1.0]), np.array([NAN, 1.0]))
    for a, b in ((np.array([0.0]), np.array([-0.0])), (np.array([1.0]), np.array([1.0 + 2**-52])),
                 (np.float32([1]), np.float64([1])), (np.array([1.0]), np.array([[1.0]]))):
        with pytest.raises(AssertionError):
            assert_same(a, b)
