"""The table of rows: every operation has one or a reason, and users add theirs."""

import importlib
import inspect
import pkgutil

import pytest

import tinydl as td
from tinydl.export.onnx.table import ROWS, row
from tinydl.function import Function

# What a file for predictions does not hold.
WITHOUT = {
    "BCE": "a loss", "BCEWithLogits": "a loss", "CrossEntropy": "a loss", "Huber": "a loss", "MSE": "a loss",
    "NLL": "a loss",
    "Drop": "training alone", "Dropout": "training alone", "Gather": "its places come from values",
}


def operations(kind):
    """The classes of a module of tinydl.ops that are operations themselves."""
    for cls in kind.__subclasses__():
        mixin = "row" in inspect.get_annotations(cls) or "forward" not in {name for c in cls.__mro__[:-1]
                                                                                   for name in vars(c)}
        if cls.__module__.startswith("tinydl.ops") and not mixin and cls.forward is not Function.forward:
            yield cls
        yield from operations(cls)


def test_every_operation_has_a_row_or_a_reason():
    for module in pkgutil.iter_modules(td.ops.__path__):
        importlib.import_module(f"tinydl.ops.{module.name}")
    for module in ("layers", "pointwise", "shapes"):
        importlib.import_module(f"tinydl.export.onnx.{module}")
    without = {cls.__name__ for cls in operations(Function) if cls not in ROWS}
    assert without == WITHOUT.keys()


class Cube(td.Function):
    """y = x^3."""

    @staticmethod
    def forward(ctx, x):
        return x * x * x

    @staticmethod
    def backward(ctx, dy):
        return dy


def test_an_operation_of_ones_own(agree, net, tmp_path):
    model = net(lambda x: Cube.apply(x) + 1)
    with pytest.raises(ValueError, match=r"Cube \(Net\) has no form in ONNX; give its Function a row"):
        td.to_onnx(model, tmp_path / "model.onnx", (4,))

    @row(Cube)
    def cube(w, node):
        x = w.input(node["x"])
        return w.add("Mul", x, w.add("Mul", x, x))

    try:
        agree(model, (4,))
    finally:
        del ROWS[Cube]
