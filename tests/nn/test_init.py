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


def test_dirac_keeps_the_filters_beyond_the_channels():
    w = init.dirac_(weight(3, 2, 1, 3), keep=True).data
    assert w.tolist() == [[[[0, 1, 0]], [[0, 0, 0]]], [[[0, 0, 0]], [[0, 1, 0]]], [[[7, 7, 7]], [[7, 7, 7]]]]
    assert init.dirac_(weight(3, 2, 1, 3)).data[2].tolist() == [[[0, 0, 0]], [[0, 0, 0]]]
    assert init.dirac_(weight(1, 2, 1), keep=True).data.tolist() == [[[1], [0]]]


def test_whitening_of_known_moments():
    """Windows (a, b) of signals: 3 of (1, 1), 1 of (1, -1), so M = [[1, 1/2], [1/2, 1]]: eigenvalues 1/2 and 3/2."""
    signals = np.array([[[1, 1]], [[1, 1]], [[1, -1]], [[-1, -1]]])
    w = init.whitening_(weight(4, 1, 2), signals, eps=0.5).data[:, 0]
    r = 0.5**0.5
    np.testing.assert_allclose(np.abs(w[:2]), [[r, r], [r / 2**0.5, r / 2**0.5]], rtol=1e-6)
    assert w[0, 0] == pytest.approx(-w[0, 1], rel=1e-6) and (w[1] > 0).all()
    np.testing.assert_array_equal(w[2:], -w[:2])


def test_whitened_windows_are_uncorrelated():
    rng = np.random.default_rng(0)
    images = np.cumsum(rng.normal(size=(300, 3, 8, 7)), -1) @ rng.normal(size=(7, 7))  # 300: more than a block of them
    layer = td.nn.Conv2d(3, 24, 2, bias=False)
    init.whitening_(layer.weight, images, eps=1e-9)
    y = layer(images.astype(np.float32)).data[:, :12].astype(np.float64)
    moments = np.einsum("nohw,nphw->op", y, y) / (300 * 7 * 6)
    np.testing.assert_allclose(moments, np.eye(12), atol=1e-4)


def test_whitening_has_the_same_bits_for_any_number_of_threads():
    images = np.random.default_rng(1).normal(size=(270, 3, 9, 9)).astype(np.float32)
    before, weights = td.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            td.set_num_threads(n)
            weights.append(init.whitening_(weight(24, 3, 2, 2), images).data.tobytes())
    finally:
        td.set_num_threads(before)
    assert len(set(weights)) == 1


@pytest.mark.parametrize("shape, images, message", [
    ((12, 3, 2, 2), (5, 3, 4, 4), "got shape \\(12, 3, 2, 2\\) instead of \\(24, 3, 2, 2\\)"),
    ((6, 3), (5, 3), "got shape \\(6, 3\\)$"),
    ((24, 3, 2, 2), (5, 1, 4, 4), "got shape \\(5, 1, 4, 4\\)"),
    ((24, 3, 2, 2), (5, 3, 1, 4), "room for its window, got shape \\(5, 3, 1, 4\\)"),
    ((24, 3, 2, 2), (0, 3, 4, 4), "got shape \\(0, 3, 4, 4\\)"),
])
def test_whitening_refuses(shape, images, message):
    with pytest.raises(ValueError, match=message):
        init.whitening_(weight(*shape), np.zeros(images))


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
