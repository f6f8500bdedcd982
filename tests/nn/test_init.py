import numpy as np
import pytest

import tinydl as td
from tinydl.nn import init


def weight(*shape):
    return td.Parameter(np.full(shape, 7, np.float32))


def test_distributions():
    td.manual_seed(0)
    shape, fan_in, fan_out = (64, 32, 3, 3), 288, 576
    cases = [
        (init.uniform_, (-1, 3), 1, 4 / np.sqrt(12)),
        (init.normal_, (2, 0.5), 2, 0.5),
        (init.xavier_uniform_, (), 0, np.sqrt(2 / (fan_in + fan_out))),
        (init.xavier_normal_, (2,), 0, 2 * np.sqrt(2 / (fan_in + fan_out))),
        (init.kaiming_uniform_, (), 0, np.sqrt(2 / fan_in)),
        (init.kaiming_normal_, (), 0, np.sqrt(2 / fan_in)),
        (init.kaiming_normal_, (0, "fan_out", "relu"), 0, np.sqrt(2 / fan_out)),
        (init.small_, (0.1,), 0, 0.1 / np.sqrt(fan_in)),
    ]
    for function, args, mean, std in cases:
        w = weight(*shape)
        assert function(w, *args) is w
        assert w.data.mean() == pytest.approx(mean, abs=0.05 * std)
        assert w.data.std() == pytest.approx(std, rel=0.05), function.__name__


def test_truncated_normal():
    w = init.trunc_normal_(weight(1000), std=2, a=-1, b=1.5)
    assert w.data.min() >= -1 and w.data.max() <= 1.5
    with pytest.raises(ValueError, match="is empty"):
        init.trunc_normal_(w, a=1, b=1)
    with pytest.raises(ValueError, match="hardly ever"):
        init.trunc_normal_(w, mean=100, std=0.1)


def test_constants():
    assert init.zeros_(weight(2)).data.tolist() == [0, 0]
    assert init.ones_(weight(2)).data.tolist() == [1, 1]
    assert init.constant_(weight(2), 3.5).data.tolist() == [3.5, 3.5]
    assert init.scale_(weight(2), 2).data.tolist() == [14, 14]


def test_orthogonal():
    for shape in ((5, 8), (8, 5), (4, 3, 2, 2)):
        w = init.orthogonal_(weight(*shape), gain=2).data.reshape(shape[0], -1).astype(np.float64)
        gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-5)


def test_dirac_copies_its_input():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 5)).astype(np.float32)
    layer = td.nn.Conv2d(3, 3, 3, padding=1, bias=False)
    init.dirac_(layer.weight)
    np.testing.assert_array_equal(layer(x).data, x)


def test_gains():
    assert init.calculate_gain("relu") == pytest.approx(np.sqrt(2))
    assert init.calculate_gain("tanh") == pytest.approx(5 / 3)
    assert init.calculate_gain("leaky_relu", 1) == pytest.approx(1)
    with pytest.raises(ValueError, match="nonlinearity must be 'linear', .* or 'leaky_relu', got 'swish'"):
        init.calculate_gain("swish")


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"at least 2 axes, got shape \(3,\)"):
        init.xavier_normal_(weight(3))
    with pytest.raises(TypeError, match="fills a Tensor or Parameter, got ndarray"):
        init.zeros_(np.ones(3))
    with pytest.raises(ValueError, match="'fan_in' or 'fan_out', got 'fan'"):
        init.kaiming_normal_(weight(2, 2), mode="fan")
    with pytest.raises(ValueError, match="at least 2 axes"):
        init.orthogonal_(weight(2))
    with pytest.raises(ValueError, match="convolution weight"):
        init.dirac_(weight(2, 2))


def test_numpys_random_state_is_left_alone():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    td.nn.Conv2d(3, 4, 3)
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
