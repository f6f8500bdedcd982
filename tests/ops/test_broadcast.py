"""Which types meet in a binary operation, and the way back for gradients."""

import numpy as np
import pytest

import tinydl as td
from tinydl.ops.broadcast import broadcasts, operands, unbroadcast


@pytest.mark.parametrize(("dtype", "other", "expected"), [
    (np.float32, 2, np.float32), (np.float32, 2.0, np.float32), (np.float32, np.float64(2), np.float32),
    (np.float32, np.arange(3), np.float32), (np.float64, np.ones(3, np.float32), np.float64),
    (np.int64, 2, np.int64), (np.int64, 2.5, np.float32)])
def test_constants_take_the_type_of_the_tensor(dtype, other, expected):
    x = td.tensor(np.ones(3, dtype))
    for first, second in ((x, other), (other, x)):
        a, b = operands(first, second)
        constant = b if first is x else a
        assert np.asarray(getattr(constant, "data", constant)).dtype == expected


def test_tensors_meet_as_they_are():
    x, y = td.tensor(np.ones(3, np.float32)), td.tensor(np.ones(3))
    assert operands(x, y)[0] is x and operands(x, y)[1] is y


def test_what_holds_no_numbers_is_refused():
    with pytest.raises(TypeError, match="a tensor cannot be combined with 'a' of type str"):
        operands(td.tensor([1.0]), "a")


@pytest.mark.parametrize(("shape", "expected"), [
    ((2, 3), [[1, 2, 3], [4, 5, 6]]), ((3,), [5, 7, 9]), ((1, 3), [[5, 7, 9]]), ((2, 1), [[6], [15]]), ((1, 1), [[21]]),
    ((), 21), ((1,), [21])])
def test_gradients_sum_over_what_was_repeated(shape, expected):
    like = np.zeros(shape, np.float32)
    back = unbroadcast(np.array([[1.0, 2, 3], [4, 5, 6]]), like)
    assert back.tolist() == expected
    assert back.dtype == np.float32 and back.shape == shape


def test_sums_are_made_in_float64():
    gradient = np.full((1 << 20, 1), 0.1, np.float32)
    assert unbroadcast(gradient, np.zeros(1, np.float32))[0] == np.float32(np.float64(np.float32(0.1)) * (1 << 20))


def test_what_can_be_repeated_to_a_shape():
    assert all(broadcasts(*pair) for pair in (((), (2,)), ((1, 3), (2, 3)), ((3,), (0, 3)), ((1,) * 40, (1,) * 41)))
    assert not any(broadcasts(*pair) for pair in (((2,), ()), ((2,), (1,)), ((3,), (3, 1)), ((1, 1), (1,))))
