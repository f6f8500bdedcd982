"""Entry by entry, along axes, products and norms, beside onnxruntime."""

import numpy as np
import pytest

import tinydl as td
from tinydl.export.onnx.read.pointwise import Erf
from tinydl.testing import gradcheck

ONE = {
    **{op: {} for op in ("Relu", "Sigmoid", "Tanh", "HardSwish", "Exp", "Abs", "Sin", "Cos", "Neg", "Softplus", "Erf",
                         "Reciprocal", "Sign")},
    "LeakyRelu": {"alpha": 0.2}, "Elu": {"alpha": 1.5}, "HardSigmoid": {"alpha": 0.3},
    "Softmax": {"axis": 1}, "LogSoftmax": {"axis": -1},
    "ReduceMean": {"axes": [1, 2], "keepdims": 0}, "ReduceMax": {"axes": [2]}, "ReduceMin": {"axes": [-1]},
    "ReduceL2": {"axes": [1]}, "ReduceSumSquare": {"axes": [2], "keepdims": 0},
}


@pytest.mark.parametrize("op", ONE)
def test_of_one(op, same):
    same([(op, ["x"], ["y"], ONE[op])], (3, 4))


def test_softmax_of_old_files_runs_over_all_axes_behind(same):
    same([("Softmax", ["x"], ["y"], {"axis": 1})], (3, 4), opset=11)


NEW = {"Mish": (18, {}), "Gelu": (20, {}), "Gelu tanh": (20, {"approximate": "tanh"})}


@pytest.mark.parametrize("op", NEW)
def test_of_later_opsets(op, same):
    opset, attributes = NEW[op]
    same([(op.split()[0], ["x"], ["y"], attributes)], (3, 4), opset=opset)


ROW = np.linspace(0.5, 2, 4, dtype=np.float32)
TWO = {
    "Add": ["x", "c"], "Sub": ["c", "x"], "Mul": ["x", "x"], "Div": ["c", "x"], "Max": ["x", "c"], "Min": ["c", "x"],
    "Sum": ["x", "c", "x"], "PRelu": ["x", "c"],
}


@pytest.mark.parametrize("op", TWO)
def test_of_two(op, same):
    same([(op, TWO[op], ["y"], {})], (3, 4), c=ROW)


def test_logarithms_roots_and_powers(same):
    same([("Mul", ["x", "x"], ["a"], {}), ("Sqrt", ["a"], ["b"], {}), ("Pow", ["b", "c"], ["d"], {}),
          ("Log", ["d"], ["y"], {})], (3, 4), c=np.float32(3))


def test_clip(same):
    same([("Clip", ["x", "", "c"], ["y"], {})], (3, 4), c=np.float32(0.5))
    same([("Clip", ["x"], ["y"], {"min": -0.5, "max": 1.0})], (3, 4), opset=10)


def test_choices(same):
    same([("Greater", ["x", "c"], ["a"], {}), ("Not", ["a"], ["b"], {}), ("Where", ["b", "x", "c"], ["y"], {})], (3, 4),
         c=ROW)


def test_products(same):
    same([("MatMul", ["x", "c"], ["a"], {}), ("ReduceSum", ["a", "axes"], ["b"], {"keepdims": 0}),
          ("Gemm", ["b", "d", "e"], ["y"], {"alpha": 0.5, "beta": 2.0})], (3, 4), c=np.ones((4, 5), np.float32),
         d=np.eye(5, 3, dtype=np.float32), e=np.arange(3, dtype=np.float32), axes=np.int64([1]))


def test_norms(same):
    same([("LayerNormalization", ["x", "g", "b"], ["a"], {"axis": -1}),
          ("InstanceNormalization", ["a", "s", "t"], ["y"], {"epsilon": 1e-3})], (3, 4), g=ROW, b=ROW - 1,
         s=ROW[:3], t=ROW[1:])


def test_erf_near_zero_and_its_gradient():
    x = td.tensor(np.linspace(-3, 3, 13), requires_grad=True)
    np.testing.assert_allclose(Erf.apply(x).numpy()[[0, 6, 12]], [-0.9999779095030014, 0, 0.9999779095030014], 1e-12)
    assert Erf.apply(td.tensor(np.float64([1e-9]))).item() == pytest.approx(2e-9 / np.sqrt(np.pi), abs=1e-15)
    gradcheck(Erf.apply, (x,))
