"""Predictors as files: the same outputs at any batch size, and files that are none."""

import json
import threading

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops
from tinydl.train.tensorfile import TensorFileError, read_tensors, write_tensors


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def test_the_same_outputs(case, path):
    net, shape, x = case
    predictor = td.freeze(net)
    expected = predictor(x)
    predictor.save(path)
    again = td.load_predictor(path)
    assert np.array_equal(again(x), expected)
    assert np.array_equal(again(x[:1]), predictor(x[:1])) and again(x[:0]).shape == (0, *expected.shape[1:])


@pytest.mark.parametrize("name", ["resnet20", "m5"])
def test_named_networks(name, path):
    td.manual_seed(0)
    shape = td.models.INPUT_SHAPES[name]
    predictor = td.freeze(getattr(td.models, name)())
    predictor.save(path, shape)
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    assert np.array_equal(td.load_predictor(path)(x), predictor(x))


class Everything(nn.Module):
    """Arguments of every form: slices, masks, axes, infinities, types, shapes that scale with the batch."""

    def __init__(self):
        self.gain = td.Parameter(np.linspace(1, 2, 4, dtype=np.float32))

    def forward(self, x):
        y = ops.pad(x[:, ..., ::-1], (1, 0), value=-np.inf)
        y = ops.where(np.array([True, False, True, True]), ops.clip(y[:, :, 1:], None, 1.5), 0.0) * self.gain
        y = ops.concatenate([y, y[:, [1, 0]]], axis=1).reshape(len(x) * 5, 4)
        return ops.softmax(y.astype("float64").astype("float32"), 1).reshape(-1, 5, 4)


def test_arguments_of_every_form(path):
    predictor = td.freeze(Everything())
    x = np.random.default_rng(0).normal(size=(6, 3, 4)).astype(np.float32)
    with pytest.warns(RuntimeWarning, match="no frozen form"):
        expected = predictor(x)
    predictor.save(path)
    with pytest.warns(RuntimeWarning, match="no frozen form"):
        again = td.load_predictor(path)
        assert np.array_equal(again(x), expected) and np.array_equal(again(x[:2]), expected[:2])


def test_threads(path):
    td.manual_seed(0)
    td.freeze(td.models.digits_cnn()).save(path, (1, 8, 8))
    predictor = td.load_predictor(path)
    x = np.random.default_rng(0).random((12, 1, 8, 8), np.float32)
    expected, wrong = [predictor(x[:n]) for n in range(1, 13)], []

    def work(seed):
        for n in np.random.default_rng(seed).integers(1, 13, 40):
            if not np.array_equal(predictor(x[:n]), expected[n - 1]):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


class Own(td.Function):
    """y = 2 x."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, dy):
        return 2 * dy


class Calls(nn.Module):
    """A function of x."""

    def __init__(self, function):
        self.function = function

    def forward(self, x):
        return self.function(x)


REFUSED = {
    r"Own \(Calls\) is an operation of your own": lambda x: Own.apply(x),
    "reads the values of a tensor": lambda x: x if x.sum().item() > 0 else -x,
    "which depends on the batch size": lambda x: x[:, :len(x)],
}


@pytest.mark.parametrize("words", REFUSED)
def test_refused(words, path):
    with pytest.raises(ValueError, match=f"save: .*{words}"):
        td.freeze(Calls(REFUSED[words])).save(path, (4,))
    assert not path.exists()


def test_the_shape_must_be_known(path):
    predictor = td.freeze(nn.Sequential(nn.ReLU()))
    with pytest.raises(ValueError, match="was not called yet; pass input_shape"):
        predictor.save(path)
    predictor(np.zeros((2, 3), np.float32)), predictor(np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match="was called with 2 shapes of sample; pass input_shape"):
        predictor.save(path)


def change(path, **changes):
    """Write the file again with other operations."""
    arrays, metadata = read_tensors(path)
    head = json.loads(metadata["graph"]) | changes
    with open(path, "wb") as file:
        write_tensors(file, arrays, {"format": metadata["format"], "graph": json.dumps(head)})


NODE = {"op": "relu.ReLU", "args": [{"result": 0}], "kwargs": {}}
SPOILT = {
    "there is no operation 'os.system'": {"nodes": [NODE | {"op": "os.system"}]},
    "there is no operation 'tinydl.ops.relu.ReLU'": {"nodes": [NODE | {"op": "tinydl.ops.relu.ReLU"}]},
    "'relu.Tensor' is no operation|there is no operation 'relu.Tensor'": {"nodes": [NODE | {"op": "relu.Tensor"}]},
    "operation 0 has {'result': 1}": {"nodes": [NODE | {"args": [{"result": 1}]}]},
    "operation 0 has {'tensor': 'x'}": {"nodes": [NODE | {"args": [{"tensor": "x"}]}]},
    "operation 0 has {'eval': '1'}": {"nodes": [NODE | {"args": [{"eval": "1"}]}]},
    "the result is 7 of": {"result": 7},
    "not a whole predictor": {"nodes": [NODE | {"args": [3]}]},
    "not a whole predictor: ": {"input_shape": [3]},
    r"its samples have the shape \[1099511627776\]": {"input_shape": [2**40]},
    r"its samples have the shape \[-4\]": {"input_shape": [-4]},
}


@pytest.mark.parametrize("words", SPOILT)
def test_spoilt_files(words, path):
    td.freeze(nn.Sequential(nn.Linear(4, 2), nn.ReLU())).save(path, (4,))
    change(path, **SPOILT[words])
    with pytest.raises(TensorFileError, match=words):
        td.load_predictor(path)


def test_other_files(path, tmp_path):
    with open(path, "wb") as file:
        write_tensors(file, {"x": np.zeros(3)})
    with pytest.raises(TensorFileError, match=r"no predictor of this version .*td\.freeze\(net\)\.save"):
        td.load_predictor(path)
    with pytest.raises(FileNotFoundError):
        td.load_predictor(tmp_path / "none")
