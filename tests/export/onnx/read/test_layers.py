"""Nodes that become layers, beside onnxruntime."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn

rng = np.random.default_rng(3)


def array(*shape):
    return rng.normal(size=shape).astype(np.float32)


CONVS = {
    "plain": ((4, 9, 8), array(6, 2, 3, 2), {"group": 2, "strides": [2, 1], "pads": [1, 0, 1, 0], "dilations": [1, 2]},
              "Conv2d"),
    "ends differ": ((2, 9, 8), array(3, 2, 3, 3), {"pads": [0, 1, 2, 0]}, "PaddedConv2d"),
    "same": ((2, 9, 8), array(3, 2, 3, 4), {"auto_pad": "SAME_UPPER", "strides": [2, 3]}, "Conv2d"),
    "valid": ((2, 9), array(3, 2, 4), {"auto_pad": "VALID"}, "Conv1d"),
    "signal": ((2, 9), array(3, 2, 4), {"pads": [3, 0]}, "PaddedConv1d"),
}


@pytest.mark.parametrize("name", CONVS)
def test_convolutions(name, same):
    shape, weight, attributes, kind = CONVS[name]
    net = same([("Conv", ["x", "a.weight", "a.bias"], ["y"], attributes)], shape,
               **{"a.weight": weight, "a.bias": array(len(weight))})
    assert type(net.a).__name__ == kind and net.a.weight.shape == weight.shape


TRANSPOSED = {
    "plain": ((4, 5, 6), {"group": 2, "strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    "ends differ": ((4, 5, 6), {"group": 2, "strides": [2, 1], "pads": [0, 1, 2, 0]}),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_transposed_convolutions(name, same):
    shape, attributes = TRANSPOSED[name]
    same([("ConvTranspose", ["x", "w"], ["y"], attributes)], shape, w=array(4, 3, 3, 3))


def test_products_are_linear_layers(same):
    net = same([("Gemm", ["x", "a.weight", "a.bias"], ["h"], {"transB": 1}), ("MatMul", ["h", "b/kernel"], ["i"], {}),
                ("Add", ["b/bias", "i"], ["j"], {}), ("MatMul", ["j", "c"], ["y"], {})], (5,),
               **{"a.weight": array(4, 5), "a.bias": array(4), "b/kernel": array(4, 3), "b/bias": array(3),
                  "c": array(3, 2)})
    assert [type(m).__name__ for m in net.children()] == ["Linear"] * 3
    assert {name: p.shape for name, p in net.named_parameters()} == {
        "a.weight": (4, 5), "a.bias": (4,), "b.weight": (3, 4), "b.bias": (3,), "matmul2.weight": (2, 3)}


@pytest.mark.parametrize("shape, kind", [((3, 4, 5), nn.BatchNorm2d), ((3, 4), nn.BatchNorm1d), ((3,), nn.BatchNorm1d)])
def test_batch_norms(shape, kind, same):
    net = same([("BatchNormalization", ["x", "n.weight", "n.bias", "n.running_mean", "n.running_var"], ["y"],
                 {"epsilon": 1e-3, "momentum": 0.7})], shape, **{
                     "n.weight": array(3), "n.bias": array(3), "n.running_mean": array(3),
                     "n.running_var": array(3) ** 2})
    assert isinstance(net.n, kind) and net.n.eps == pytest.approx(1e-3) and net.n.momentum == pytest.approx(0.3)


def test_dropout_follows_the_mode(same):
    net = same([("Dropout", ["x", "p"], ["y"], {})], (1000,), p=np.float32(0.25))
    td.manual_seed(0)
    y = net.train()(td.tensor(np.ones((1, 1000), np.float32))).numpy()
    assert 0.15 < (y == 0).mean() < 0.35 and y.max() == pytest.approx(4 / 3)


def test_slopes_train(same):
    net = same([("PRelu", ["x", "s"], ["y"], {})], (3, 4), s=array(3, 1))
    net(td.tensor(array(2, 3, 4))).sum().backward()
    assert net.prelu0.weight.grad.shape == (3, 1)


COMPUTED = {"Conv": ["x", "x"], "ConvTranspose": ["x", "x"], "PRelu": ["x", "x"]}


@pytest.mark.parametrize("op", COMPUTED)
def test_weights_that_are_computed_are_refused(op, written):
    with pytest.raises(ValueError, match=f"from_onnx: {op} .* computed; they must be constant"):
        td.from_onnx(written([(op, COMPUTED[op], ["y"], {})], (1, 3, 3)))


@pytest.mark.parametrize(("operator", "shape", "weights"), [
    ("Gemm", [4], [4, 3]), ("Conv", [4, 5, 5], [3, 4, 3, 3]), ("ConvTranspose", [4, 5, 5], [4, 3, 3, 3])])
def test_weights_of_a_rank_that_cannot_be(written, operator, shape, weights):
    """The checker does not see it."""
    onnx = pytest.importorskip("onnx")
    path = written([(operator, ["x", "w"], ["y"], {})], shape, w=array(*weights))
    model = onnx.load(path)
    del model.graph.initializer[0].dims[1:]
    model.graph.initializer[0].dims[0] = int(np.prod(weights))
    onnx.save(model, path)
    with pytest.raises(ValueError, match=rf"from_onnx: {operator} \(y\) "):
        td.from_onnx(path)
