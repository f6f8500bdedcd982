import numpy as np
import pytest

import tinydl as td


@pytest.mark.parametrize(
    "shape, over",
    [((4, 6), (6,)), ((2, 3, 5), (3, 5)), ((2, 3, 4, 5), (5,)), ((2, 3, 4, 5), (3, 4, 5)), ((6,), (6,))],
    ids=str,
)
def test_formula_and_gradients(gradcheck, shape, over):
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=shape), rng.normal(size=over), rng.normal(size=over)
    axes = tuple(range(-len(over), 0))
    expected = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5) * w + b
    np.testing.assert_allclose(td.ops.layer_norm(x, over, td.tensor(w), td.tensor(b)).data, expected, rtol=1e-9)
    gradcheck(lambda t, v, c: td.ops.layer_norm(t, over, v, c), x, w, b)
    gradcheck(lambda t: td.ops.layer_norm(t, over), x)
    assert td.ops.layer_norm(x.astype(np.float32), over).dtype == np.float32


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"needs an input of shape \(..., 5\), got \(2, 3\)"):
        td.ops.layer_norm(np.ones((2, 3)), 5)
    with pytest.raises(ValueError, match=r"the weight must have shape \(3,\), got \(2,\)"):
        td.ops.layer_norm(np.ones((2, 3)), 3, td.tensor(np.ones(2)))
    with pytest.raises(TypeError, match="the bias float32"):
        td.ops.layer_norm(np.ones((2, 3)), 3, None, td.tensor(np.ones(3, np.float32)))
