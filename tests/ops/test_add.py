"""Addition, also of what a batch norm left to its reader."""

import numpy as np
import pytest

import tinydl as td

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("x", "y", "expected"), [
    ([1.0, 2.0], [10.0, 20.0], [11, 22]), ([[1.0], [2.0]], [10.0, 20.0], [[11, 21], [12, 22]]), ([1.0, 2.0], 5, [6, 7]),
    (3.0, [1.0], [4])])
def test_worked_values(x, y, expected):
    assert td.ops.add(td.tensor(x), y).data.tolist() == expected
    assert td.ops.add(y, td.tensor(x)).data.tolist() == expected


def test_gradients_are_summed_over_what_was_broadcast():
    x, y = td.tensor([[1.0], [2.0]], requires_grad=True), td.tensor([10.0, 20.0, 30.0], requires_grad=True)
    td.ops.add(x, y).backward([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert x.grad.tolist() == [[6], [15]]
    assert y.grad.tolist() == [5, 7, 9]


def test_a_tensor_added_to_itself():
    x = td.tensor([1.0, 2.0], requires_grad=True)
    td.ops.add(x, x).backward([3.0, 4.0])
    assert x.grad.tolist() == [6, 8]


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5)], ids=str)
def test_any_memory_order(shape):
    a, b = (RNG.integers(-9, 9, shape).astype(np.float32) for _ in range(2))
    last = td.layout.channels_last if hasattr(td, "layout") else np.asfortranarray
    for x in (a, np.asfortranarray(a), last(a)):
        for y in (b, np.asfortranarray(b), last(b)):
            assert np.array_equal(td.ops.add(td.Tensor(x), td.Tensor(y)).data, a + b)


def test_a_residual_sum_of_a_batch_norm(gradcheck):
    """ReLU(x + norm(x)) by its formula, and its gradient."""
    x, weight, bias = RNG.normal(size=(3, 2, 4, 3)), np.array([1.5, -0.5]), np.array([0.25, 1.0])

    def block(x, weight, bias):
        return td.ops.relu(td.ops.add(x, td.ops.batch_norm(x, weight, bias, training=True)))

    mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    norm = (x - mean) / np.sqrt(var + 1e-5) * weight[:, None, None] + bias[:, None, None]
    np.testing.assert_allclose(block(*map(td.tensor, (x, weight, bias))).data, np.maximum(x + norm, 0), rtol=1e-9,
                               atol=1e-12)
    gradcheck(block, x, weight, bias)


def test_shapes_that_do_not_meet():
    with pytest.raises(ValueError, match="broadcast"):
        td.ops.add(td.tensor(np.ones(3)), td.tensor(np.ones(4)))
