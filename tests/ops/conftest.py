"""A gradient check for these tests: numbers from central differences, along random directions."""

import numpy as np
import pytest

import tinydl as td


def _check(function, *arrays, seed=0, eps=1e-6, rtol=1e-6):
    """Hold backward's gradients of `function(*tensors)` to central differences of sum(dy * function)."""
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(a, np.float64) for a in arrays]
    tensors = [td.tensor(a, requires_grad=True) for a in arrays]
    y = function(*tensors)
    dy = rng.normal(size=y.shape)  # never all ones: some gradients vanish then whatever the code does
    y.backward(dy)
    for k, tensor in enumerate(tensors):
        assert tensor.grad is not None, f"argument {k} got no gradient"
        assert tensor.grad.shape == tensor.shape and tensor.grad.dtype == tensor.dtype
        direction = rng.normal(size=tensor.shape)
        values = []
        for sign in (1, -1):
            moved = [a + sign * eps * direction if j == k else a for j, a in enumerate(arrays)]
            with td.no_grad():
                values.append(float((dy * function(*[td.tensor(a) for a in moved]).data).sum()))
        numeric = (values[0] - values[1]) / (2 * eps)
        analytic = float((tensor.grad * direction).sum())
        scale = np.linalg.norm(tensor.grad) * np.linalg.norm(direction) + 1e-12
        assert abs(numeric - analytic) <= rtol * scale + 1e-8, (k, numeric, analytic)


@pytest.fixture
def gradcheck():
    return _check
