"""to_onnx: files that onnx.checker finds whole and onnxruntime runs to the same numbers."""

import json

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops

onnx = pytest.importorskip("onnx")


@pytest.mark.parametrize("name", td.models.INPUT_SHAPES)
def test_named_networks(name, agree, lived):
    td.manual_seed(0)
    agree(lived(getattr(td.models, name)()), td.models.INPUT_SHAPES[name])


class Branches(nn.Module):
    """Two branches, one of them shared with itself, and code of its own between them."""

    def __init__(self):
        self.one = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.two = nn.Sequential(nn.Conv2d(4, 4, 1), nn.SiLU())
        self.gain = td.Parameter(np.linspace(0.5, 1.5, 4, dtype=np.float32).reshape(4, 1, 1))

    def forward(self, x):
        y = ops.relu(self.norm(self.one(x)))
        z = self.two(self.two(y)) * self.gain
        y = ops.concatenate([y, z], axis=1)
        return ops.mean(y, (2, 3)) if y.shape[1] == 8 else y


def test_modules_of_ones_own(agree, lived):
    path = agree(lived(Branches()), (2, 6, 5))
    model = onnx.load(path)
    assert model.ir_version == 8 and [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    assert weights["one.weight"].shape == (4, 2, 3, 3) and {"norm.running_var", "two.0.bias", "gain"} <= weights.keys()
    assert "norm.num_batches_tracked" not in weights
    assert [node.op_type for node in model.graph.node].count("BatchNormalization") == 1
    (x,), (y,) = model.graph.input, model.graph.output
    assert [d.dim_param or d.dim_value for d in x.type.tensor_type.shape.dim] == ["N", 2, 6, 5]
    assert [d.dim_param or d.dim_value for d in y.type.tensor_type.shape.dim] == ["N", 8]


def test_normalisation_and_class_names_are_inside(tmp_path, run):
    model, path = nn.Sequential(nn.Flatten(), nn.Linear(8, 3)).eval(), tmp_path / "m.onnx"
    td.to_onnx(model, path, (2, 2, 2), mean=[0.5, 1], std=[2, 0.25], class_names=["a", "b", "c"])
    x = np.arange(24, dtype=np.float32).reshape(3, 2, 2, 2) / 7
    normal = (x - np.float32([0.5, 1]).reshape(2, 1, 1)) / np.float32([2, 0.25]).reshape(2, 1, 1)
    with td.no_grad():
        np.testing.assert_allclose(run(path, x), model(td.tensor(normal)).numpy(), rtol=1e-5, atol=1e-5)
    held = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert json.loads(held["class_names"]) == ["a", "b", "c"]


def test_the_model_stays_as_it_was(tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)).train()
    before = {name: np.array(value) for name, value in model.state_dict().items()}
    td.to_onnx(model, tmp_path / "a.onnx", (1, 5, 5))
    assert model.training and all(np.array_equal(before[k], v) for k, v in model.state_dict().items())
    td.to_onnx(model, tmp_path / "b.onnx", (1, 5, 5))
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


SMALL = nn.Linear(4, 2)
WRONG = [
    ((SMALL, "m.onnx", (0,)), {}, ValueError, r"input_shape is the shape of one sample"),
    ((SMALL, "m.onnx", (5,)), {}, ValueError, r"Linear takes \(\.\.\., 4\)"),
    ((SMALL, 7, (4,)), {}, TypeError, "path must be the name of a file, got 7"),
    ((SMALL, "m.onnx", (4,)), {"std": 0}, ValueError, "std must be positive"),
    ((SMALL, "m.onnx", (4,)), {"mean": [1, 2]}, ValueError, "one for each of the 4 channels"),
    ((SMALL, "m.onnx", (4,)), {"mean": "x"}, TypeError, "mean must be numbers"),
    ((SMALL, "m.onnx", (4,)), {"class_names": ["a"]}, ValueError, "1 class_names for outputs of shape"),
    ((SMALL, "m.onnx", (4,)), {"class_names": "ab"}, TypeError, "class_names must be a list of strings"),
    ((abs, "m.onnx", (4,)), {}, TypeError, "takes a module, got builtin_function_or_method"),
    ((nn.Linear(4, 2).double(), "m.onnx", (4,)), {}, TypeError, r"weight is float64; convert with model\.float"),
    ((SMALL, "none/m.onnx", (4,)), {}, FileNotFoundError, "none"),
]


@pytest.mark.parametrize("args, options, error, words", WRONG, ids=[words for *_, words in WRONG])
def test_wrong_arguments(args, options, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        td.to_onnx(*args, **options)
    assert not any(tmp_path.iterdir())


CODE = {
    "reads the values": lambda x: x if x.sum().item() > 0 else -x,
    "something else for 3 images than for 2": lambda x: x + ops.relu(x) if len(x) == 2 else x,
    "at every call": lambda x: x * float(np.random.default_rng().random()),
    "returns a tuple": lambda x: (x, x),
    "does not depend on its input": lambda x: td.tensor([1.0]),
}


@pytest.mark.parametrize("words", CODE)
def test_code_that_is_no_graph_is_refused(words, net, tmp_path):
    with pytest.raises(ValueError, match=f"to_onnx: .*{words}"):
        td.to_onnx(net(CODE[words]), tmp_path / "m.onnx", (4,))
    assert not any(tmp_path.iterdir())


def test_without_the_package(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'tinydl-cnn\[onnx\]'"):
        td.to_onnx(SMALL, tmp_path / "m.onnx", (4,))
