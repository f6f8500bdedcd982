"""quantize: close to the network, and clear about what it cannot take."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.export.quantize import Quantized


def test_close_to_the_network(case, evaluated):
    net, shape, x = case
    before = {name: np.array(value) for name, value in net.state_dict().items()}
    q, expected = td.quantize(net, x), evaluated(net, x)
    got = q(x)
    assert got.shape == expected.shape and got.dtype == np.float32
    assert np.abs(got - expected).max() <= 0.05 * np.abs(expected).max()
    whole = q.integers(q.input_integers(x))
    assert whole.dtype == np.int8 and np.array_equal(q.output_scale.values(whole), got)
    assert np.array_equal(whole[3:5], q.integers(q.input_integers(x[3:5])))
    assert len(np.unique(whole)) > 3
    assert all(np.array_equal(before[k], v) for k, v in net.state_dict().items())


def test_what_it_says_of_itself():
    net = td.models.digits_cnn()
    q = td.quantize(net, np.random.default_rng(0).random((10, 1, 8, 8), np.float32))
    assert isinstance(q, Quantized) and q.input_shape == (1, 8, 8) and q.output_shape == (10,)
    # 25,978 - 2 * 112 parameters less the norms' become weights; biases and multipliers are 4 bytes a channel.
    assert repr(q) == ("Quantized(Sequential, 26,720 bytes of constants, 3,072 bytes of memory, "
                       "601,600 multiply-adds)")
    assert q(np.zeros((0, 1, 8, 8), np.float32)).shape == (0, 10)


SMALL = nn.Linear(4, 2)
X = np.ones((3, 4), np.float32)
WRONG = [
    ((abs, X), TypeError, "quantize takes a module, got builtin_function_or_method"),
    ((SMALL, X.astype(np.uint8)), TypeError, "takes no uint8"),
    ((SMALL, ["a"]), TypeError, "takes real numbers"),
    ((SMALL, X[:0]), ValueError, r"takes a sample of inputs \(N, \.\.\.\), got shape \(0, 4\)"),
    ((SMALL, X * np.nan), ValueError, "holds NaN or infinity"),
    ((SMALL, X[:, :3]), ValueError, r"Linear takes \(\.\.\., 4\)"),
    ((nn.Softmax(1), X), ValueError, "has no form in steps"),
    ((nn.Linear(4, 2).double(), X), TypeError, r"convert with model\.float\(\)"),
]


@pytest.mark.parametrize("args, error, words", WRONG, ids=[words for *_, words in WRONG])
def test_wrong_arguments(args, error, words):
    with pytest.raises(error, match=words):
        td.quantize(*args)


def test_wrong_inputs():
    q = td.quantize(SMALL, X)
    with pytest.raises(ValueError, match=r"takes \(N, 4\), got shape \(4,\); a single sample needs a batch axis"):
        q(X[0])
    with pytest.raises(TypeError, match=r"integers\(\) takes int8, got float32; input_integers\(x\)"):
        q.integers(X)
    with pytest.raises(TypeError, match="a quantised network takes no uint8"):
        q(X.astype(np.uint8))


def test_infinite_activations_are_refused():
    net = nn.Linear(4, 2)
    net.weight.data[...] = 3e38
    with pytest.raises(ValueError, match="computes NaN or infinity of the sample"):
        td.quantize(net, X)
