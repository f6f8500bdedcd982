"""What is computed entry by entry or along axes, beside onnxruntime."""

import numpy as np
import pytest

import tinydl as td
from tinydl import ops

FUNCTIONS = {
    "arithmetic": lambda x: (3 - x) * x / (x * x + 1) - (-x) + 2,
    "power": lambda x: (x * x + 1) ** 1.5,
    "by channel": lambda x: x * np.arange(1, 4).reshape(3, 1) - np.ones((3, 1)),
    "exp log": lambda x: ops.log(ops.exp(x) + 1),
    "sqrt abs": lambda x: ops.sqrt(ops.abs(x)),
    "sin cos": lambda x: ops.sin(x) + ops.cos(x),
    "clip": lambda x: ops.clip(x, -0.5, 1.5),
    "clip above": lambda x: ops.clip(x, None, 0.5),
    "clip to tensors": lambda x: ops.clip(x, x - 1, x * 0),
    "maximum": lambda x: ops.maximum(x, 0.25) - ops.minimum(x, -x),
    "softmax": lambda x: ops.softmax(x, 1),
    "log_softmax": lambda x: ops.log_softmax(x, -1),
    "sum": lambda x: ops.sum(x, (1, 2)) + ops.sum(x, 1, keepdims=True).reshape(len(x), -1)[:, :1].reshape(len(x)),
    "mean": lambda x: ops.mean(x, -1),
    "mean of a batch": lambda x: x - ops.mean(x, 0),
    "max": lambda x: ops.max(x, 1) - ops.min(x, 1),
    "var": lambda x: ops.var(x, (1, 2)),
    "std": lambda x: ops.std(x, 2, keepdims=True, correction=0),
    "where": lambda x: ops.where(np.array([True, False, True]).reshape(3, 1), x, -x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, agree, net):
    agree(net(FUNCTIONS[name]), (3, 5))


@pytest.mark.parametrize("name", ["relu", *ops.activations.OPERATIONS])
def test_activations(name, agree, net):
    agree(net(getattr(ops, name)), (3, 5))


def test_parameters_of_activations(agree, net):
    agree(net(lambda x: ops.leaky_relu(x, 0.3) + ops.elu(x, 2.0)), (4,))


def test_variance_over_the_batch_is_refused(net, tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="Var .* is taken over the samples of a batch"):
        td.to_onnx(net(lambda x: x / ops.var(x, 0)), tmp_path / "m.onnx", (3,))
