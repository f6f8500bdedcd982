"""Entry by entry, beside onnxruntime."""

import numpy as np
import pytest

import tinydl as td
from tinydl.export.onnx.read.pointwise import Erf
from tinydl.testing import gradcheck

ONE = {
    **{op: {} for op in ("Relu", "Sigmoid", "Tanh", "HardSwish", "Exp", "Abs", "Sin", "Cos", "Neg", "Softplus", "Erf",
                         "Reciprocal", "Sign", "Selu", "Celu", "Softsign", "ThresholdedRelu", "Floor", "Ceil",
                         "Round")},
    "LeakyRelu": {"alpha": 0.2}, "Elu": {"alpha": 1.5}, "HardSigmoid": {"alpha": 0.3}, "Celu 2": {"alpha": 2.0},
    "Selu 2": {"alpha": 1.5, "gamma": 2.0}, "ThresholdedRelu 0": {"alpha": 0.5},
}


@pytest.mark.parametrize("op", ONE)
def test_of_one(op, same):
    same([(op.split()[0], ["x"], ["y"], ONE[op])], (3, 4))


NEW = {"Mish": (18, {}), "Gelu": (20, {}), "Gelu tanh": (20, {"approximate": "tanh"}),
       "Swish": (24, {}), "Swish 2": (24, {"alpha": 2.0})}


@pytest.mark.parametrize("op", NEW)
def test_of_later_opsets(op, same):
    opset, attributes = NEW[op]
    same([(op.split()[0], ["x"], ["y"], attributes)], (3, 4), opset=opset)


ROW = np.linspace(0.5, 2, 4, dtype=np.float32)
TWO = {
    "Add": ["x", "c"], "Sub": ["c", "x"], "Mul": ["x", "x"], "Div": ["c", "x"], "Max": ["x", "c"], "Min": ["c", "x"],
    "Sum": ["x", "c", "x"], "Mean": ["x", "c", "x"], "PRelu": ["x", "c"],
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


def test_erf_near_zero_and_its_gradient():
    x = td.tensor(np.linspace(-3, 3, 13), requires_grad=True)
    np.testing.assert_allclose(Erf.apply(x).numpy()[[0, 6, 12]], [-0.9999779095030014, 0, 0.9999779095030014], 1e-12)
    assert Erf.apply(td.tensor(np.float64([1e-9]))).item() == pytest.approx(2e-9 / np.sqrt(np.pi), abs=1e-15)
    gradcheck(Erf.apply, (x,))
