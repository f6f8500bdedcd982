"""What moves values, and the arithmetic of shapes, beside onnxruntime."""

import numpy as np
import pytest

import tinydl as td

I = np.int64
NODES = {
    "flatten": ([("Flatten", ["x"], ["y"], {})], {}),
    "flatten later": ([("Flatten", ["x"], ["y"], {"axis": 2})], {}),
    "flatten all": ([("Flatten", ["x"], ["y"], {"axis": 0})], {}),
    "transpose": ([("Transpose", ["x"], ["y"], {"perm": [0, 3, 1, 2]})], {}),
    "transpose all": ([("Transpose", ["x"], ["y"], {})], {}),
    "reshape": ([("Reshape", ["x", "s"], ["y"], {})], {"s": I([0, -1, 5])}),
    "squeeze": ([("Unsqueeze", ["x", "a"], ["u"], {}), ("Squeeze", ["u", "b"], ["y"], {})],
                {"a": I([1, -1]), "b": I([1])}),
    "concat": ([("Concat", ["x", "x"], ["y"], {"axis": 2})], {}),
    "split": ([("Split", ["x", "s"], ["a", "b"], {"axis": 2}), ("Concat", ["b", "a"], ["y"], {"axis": 2})],
              {"s": I([1, 3])}),
    "slice": ([("Slice", ["x", "s", "e", "a", "t"], ["y"], {})],
              {"s": I([-1, 1]), "e": I([-9, 2**62]), "a": I([3, 2]), "t": I([-2, 2])}),
    "gather": ([("Gather", ["x", "i"], ["y"], {"axis": 2})], {"i": I([3, -1, 0])}),
    "gather one": ([("Gather", ["x", "i"], ["y"], {"axis": 1})], {"i": I(2)}),
    "expand": ([("Unsqueeze", ["x", "a"], ["u"], {}), ("Expand", ["u", "s"], ["y"], {})],
               {"a": I([1]), "s": I([3, 1, 1, 1])}),
    "pad": ([("Pad", ["x", "p", "v"], ["y"], {})], {"p": I([0, 0, 1, 2, 0, 0, 0, 1]), "v": np.float32(7)}),
    "pad reflect": ([("Pad", ["x", "p"], ["y"], {"mode": "reflect"})], {"p": I([0, 0, 1, 2, 0, 0, 0, 1])}),
    "cut by a pad": ([("Pad", ["x", "p"], ["y"], {})], {"p": I([0, 0, -1, 2, 0, 0, 0, -2])}),
    "identity and cast": ([("Identity", ["x"], ["a"], {}), ("Cast", ["a"], ["b"], {"to": 1}),
                           ("Mul", ["b", "c"], ["y"], {})], {"c": np.float32(2)}),
    # x.view(x.size(0), -1) as PyTorch writes it
    "view": ([("Shape", ["x"], ["s"], {}), ("Gather", ["s", "zero"], ["n"], {"axis": 0}),
              ("Unsqueeze", ["n", "first"], ["m"], {}), ("Concat", ["m", "rest"], ["t"], {"axis": 0}),
              ("Reshape", ["x", "t"], ["y"], {})], {"zero": I(0), "first": I([0]), "rest": I([-1])}),
    "shapes": ([("Shape", ["x"], ["s"], {}), ("Slice", ["s", "from", "to"], ["t"], {}),
                ("ReduceProd", ["t"], ["p"], {"keepdims": 1}), ("Div", ["p", "two"], ["q"], {}),
                ("Concat", ["minus", "q"], ["u"], {"axis": 0}), ("Reshape", ["x", "u"], ["y"], {})],
               {"from": I([1]), "to": I([4]), "two": I([2]), "minus": I([-1])}),
    "zeros": ([("Shape", ["x"], ["s"], {}), ("ConstantOfShape", ["s"], ["z"], {}), ("Add", ["x", "z"], ["y"], {})], {}),
}


@pytest.mark.parametrize("name", NODES)
def test_nodes(name, same):
    nodes, constants = NODES[name]
    same(nodes, (3, 4, 5), **constants)


def test_settings_as_attributes_of_old_files(same):
    same([("Unsqueeze", ["x"], ["a"], {"axes": [1]}), ("Squeeze", ["a"], ["b"], {"axes": [1]}),
          ("Slice", ["b"], ["c"], {"axes": [2], "starts": [1], "ends": [3]}),
          ("Pad", ["c"], ["d"], {"pads": [0, 0, 1, 0, 0, 0], "value": 2.0}),
          ("Split", ["d"], ["e", "f"], {"axis": 1, "split": [1, 2]}), ("Neg", ["f"], ["y"], {})], (3, 4), opset=9)


HUGE = {"ConstantOfShape": ["s"], "Range": ["a", "b", "c"], "Tile": ["s", "k"]}


@pytest.mark.parametrize("op", HUGE)
def test_a_small_file_that_asks_for_a_large_constant(op, written):
    path = written([(op, HUGE[op], ["z"], {}), ("Cast", ["z"], ["f"], {"to": 1}), ("ReduceSum", ["f"], ["g"], {}),
                    ("Add", ["x", "g"], ["y"], {})], (1,), s=I([2**40]), a=I(0), b=I(2**50), c=I(1), k=I([2**40]))
    with pytest.raises(ValueError, match=rf"from_onnx: {op} \(z\) makes a constant of shape"):
        td.from_onnx(path)
