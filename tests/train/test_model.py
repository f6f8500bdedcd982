"""A trained net with all that belongs to it: raw samples in, names or values out, by every way the same."""

import json

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.data import ArrayDataset, DataError
from tinydl.train import CheckpointError, Model, load_model, predict, save_weights
from tinydl.train.building import RunError, build_net

CARD = {"model": "digits_cnn", "image_shape": [2, 8, 8], "class_names": ["a", "b", "c"], "mean": [0.25, 0.5],
        "std": [0.5, 0.25], "scale": 1 / 255, "images": "uint8", "task": "classes"}
X = np.random.default_rng(0).integers(0, 256, (5, 2, 8, 8), np.uint8)


@pytest.fixture
def saved(tmp_path):
    net = build_net("digits_cnn", (2, 8, 8), 3, seed=4)
    path = tmp_path / "weights.safetensors"
    save_weights(path, net, {"tinydl": json.dumps(CARD)})
    return path, net


def test_every_way_takes_raw_samples_and_says_the_same(saved):
    path, net = saved
    expected = predict(net, ArrayDataset(X, mean=CARD["mean"], std=CARD["std"], scale=CARD["scale"]))
    state = td.random.state()
    model = load_model(path.parent)
    assert td.random.state() == state
    assert np.array_equal(model.outputs(X), expected) and np.array_equal(load_model(path).outputs(X), expected)
    assert model(X) == [CARD["class_names"][k] for k in expected.argmax(axis=1)] and model(X[0]) == model(X)[:1]
    raw = X.astype(np.float32)
    assert np.array_equal(model.outputs(raw), expected)
    with td.no_grad():
        assert model.whole()(raw).data == pytest.approx(expected, abs=1e-4)
    assert td.freeze(model.whole())(raw) == pytest.approx(expected, abs=1e-4)
    assert repr(model) == "Model(digits_cnn: 2x8x8 to a, b, c)"


def test_a_regression_by_hand():
    """(x / 2 - 1) / 4 is what an identity says, 10 + 3 of that is the value: x = 10 gives 1 and 13."""
    card = {"model": "net", "image_shape": [1], "class_names": [], "mean": [1.0], "std": [4.0], "scale": 0.5,
            "images": "float32", "task": "regression", "target_mean": [10.0], "target_std": [3.0]}
    model = Model(nn.Identity(), card)
    x = np.array([[10.0], [2.0]], np.float32)
    assert model(x).tolist() == [[13.0], [10.0]]
    with td.no_grad():
        assert model.whole()(x).data == pytest.approx(np.array([[13.0], [10.0]]), rel=1e-5)


def test_several_classes_a_sample():
    card = {"model": "net", "image_shape": [2], "class_names": ["a", "b"], "mean": [0.0, 0], "std": [1.0, 1],
            "scale": 1.0, "task": "labels"}
    assert Model(nn.Identity(), card)(np.array([[1.0, -1], [1, 2], [-1, -1]])) == [("a",), ("a", "b"), ()]


@pytest.mark.parametrize(("x", "message"), [
    (X[:, :1], r"must have shape \(N, 2, 8, 8\), got \(5, 1, 8, 8\)"), (X[:0], "got .0, 2, 8, 8."),
    (np.full((2, 2, 8, 8), np.nan), "sample 0 holds nan"),
    (X / 255, "those of the training from 0 to 255: multiply by 255"),
])
def test_samples_that_cannot_be(saved, x, message):
    with pytest.raises(DataError, match=message):
        load_model(saved[0])(x)


def test_files_that_cannot_be(saved, tmp_path):
    path, net = saved
    with pytest.raises(CheckpointError, match="none: No such file"):
        load_model(tmp_path / "none")
    save_weights(tmp_path / "alone.safetensors", net)
    with pytest.raises(RunError, match="weights alone, without the network they belong to"):
        load_model(tmp_path / "alone.safetensors")
    for key, value in (("model", "x"), ("std", [0.0, 0]), ("scale", "big"), ("image_shape", None), ("task", 3)):
        save_weights(path, net, {"tinydl": json.dumps({**CARD, key: value})})
        with pytest.raises(RunError, match="what it says of its network cannot be"):
            load_model(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load_model(path)
