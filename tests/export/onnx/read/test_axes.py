"""Along axes, products and norms, beside onnxruntime."""

import numpy as np
import pytest

import tinydl as td

ALONG = {
    "Softmax": {"axis": 1}, "LogSoftmax": {"axis": -1}, "LpNormalization": {"axis": 1}, "LpNormalization 1": {"p": 1},
    "ReduceMean": {"axes": [1, 2], "keepdims": 0}, "ReduceMax": {"axes": [2]}, "ReduceMin": {"axes": [-1]},
    "ReduceL2": {"axes": [1]}, "ReduceSumSquare": {"axes": [2], "keepdims": 0}, "ReduceL1": {"axes": [1]},
    "ReduceLogSumExp": {"axes": [1, 2], "keepdims": 0}, "ReduceLogSumExp all": {}, "ReduceProd": {"axes": [2, -2]},
    "ReduceProd all": {"keepdims": 0},
}


@pytest.mark.parametrize("op", ALONG)
def test_along_axes(op, same):
    same([(op.split()[0], ["x"], ["y"], ALONG[op])], (3, 4))


def test_softmax_of_old_files_runs_over_all_axes_behind(same):
    same([("Softmax", ["x"], ["y"], {"axis": 1})], (3, 4), opset=11)


@pytest.mark.parametrize("settings", [{}, {"exclusive": 1}, {"reverse": 1}, {"exclusive": 1, "reverse": 1}], ids=str)
def test_sums_up_to_each_entry(settings, same):
    same([("CumSum", ["x", "axis"], ["y"], settings)], (3, 4), axis=np.int64(1))


def test_local_responses(same, written):
    same([("LRN", ["x"], ["y"], {"size": 3, "alpha": 0.5, "bias": 2.0})], (6, 3, 2))
    net = td.from_onnx(written([("LRN", ["x"], ["y"], {"size": 4})], (6, 3, 2)))
    with pytest.raises(ValueError, match=r"LRN \(y\) has size=4; runtimes take odd ones"):
        net(td.tensor(np.zeros((1, 6, 3, 2), np.float32)))


ROW = np.linspace(0.5, 2, 4, dtype=np.float32)


def test_products(same):
    same([("MatMul", ["x", "c"], ["a"], {}), ("ReduceSum", ["a", "axes"], ["b"], {"keepdims": 0}),
          ("Gemm", ["b", "d", "e"], ["y"], {"alpha": 0.5, "beta": 2.0})], (3, 4), c=np.ones((4, 5), np.float32),
         d=np.eye(5, 3, dtype=np.float32), e=np.arange(3, dtype=np.float32), axes=np.int64([1]))


def test_norms(same):
    same([("LayerNormalization", ["x", "g", "b"], ["a"], {"axis": -1}),
          ("InstanceNormalization", ["a", "s", "t"], ["y"], {"epsilon": 1e-3})], (3, 4), g=ROW, b=ROW - 1,
         s=ROW[:3], t=ROW[1:])
