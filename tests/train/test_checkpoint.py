import math
import os

import numpy as np
import pytest

from tinydl.train import CheckpointError, load_checkpoint, load_weights, save_checkpoint, save_weights
from tinydl.train.checkpoint import previous_path

STATE = {
    "model": {"0.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(3)},
    "optimizer": {"state": {0: {"step": 4, "momentum_buffer": np.ones(2)}, 1: {}}, "param_groups": [
        {"lr": 0.1, "betas": (0.9, 0.999), "params": [0, 1], "nesterov": True, "name": None}]},
    "sums": {"loss": 0.1 + 0.2, "inf": math.inf, "minus": -math.inf, "text": "ä\n\"", "big": 2**70},
    "history": {"loss": [1 / 3, 1e-300], "val": [None, 2.5]},
    "$odd": {"$array": "not a reference"},
}


def same(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


class Net:
    """The two methods of a module that weights need."""

    def __init__(self):
        self.state = {"w": np.zeros((2, 2), np.float32), "b": np.zeros(2, np.float32)}

    def state_dict(self):
        return {k: v.copy() for k, v in self.state.items()}

    def load_state_dict(self, state, strict=True):
        if strict and state.keys() != self.state.keys():
            raise ValueError(f"missing {sorted(self.state.keys() - state.keys())}")
        self.state = dict(state)


def test_every_value_comes_back_exactly(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, STATE)
    assert same(load_checkpoint(path), STATE)


def test_numpy_scalars_become_numbers(tmp_path):
    path = tmp_path / "a"
    save_checkpoint(path, {"a": np.float64(0.1), "b": np.int64(3), "c": np.bool_(True), "d": np.float32(np.nan)})
    got = load_checkpoint(path)
    assert (got["a"], got["b"], got["c"]) == (0.1, 3, True)
    assert math.isnan(got["d"])


@pytest.mark.parametrize("value", [object(), {1, 2}, lambda: 0, b"bytes", np.zeros(2, object), 1j])
def test_what_would_need_pickle_is_refused_and_changes_nothing(tmp_path, value):
    path = tmp_path / "a"
    save_checkpoint(path, {"a": 1})
    with pytest.raises(TypeError):
        save_checkpoint(path, {"a": {"b": [value]}})
    assert load_checkpoint(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["a"]


def test_the_one_before_is_kept(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    for n in range(3):
        save_checkpoint(path, {"n": n})
    assert load_checkpoint(path) == {"n": 2}
    assert previous_path(path) == str(tmp_path / "checkpoint.previous.safetensors")
    assert load_checkpoint(previous_path(path)) == {"n": 1}
    save_checkpoint(path, {"n": 3}, keep_previous=False)
    assert load_checkpoint(previous_path(path)) == {"n": 1}


def test_every_flipped_byte_and_every_truncation_is_refused(tmp_path):
    path = tmp_path / "a"
    save_checkpoint(path, {"x": np.arange(3.0), "epoch": 3})
    whole = path.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(CheckpointError):
            load_checkpoint(path)
        path.write_bytes(whole[:position])
        with pytest.raises(CheckpointError):
            load_checkpoint(path)


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(CheckpointError, match="No such file"):
        load_checkpoint(tmp_path / "none")
    save_weights(tmp_path / "w", Net())
    with pytest.raises(CheckpointError, match="not a tinydl checkpoint.*load_weights"):
        load_checkpoint(tmp_path / "w")
    (tmp_path / "p").write_bytes(b"\x80\x04\x95pickle")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load_checkpoint(tmp_path / "p")


def test_weights_round_trip_and_metadata(tmp_path):
    net, other = Net(), Net()
    net.state["w"][...] = [[1, 2], [3, 4]]
    save_weights(tmp_path / "w", net, {"model": "mine"})
    assert load_weights(tmp_path / "w", other)["model"] == "mine"
    assert same(other.state, net.state)


def test_weights_out_of_a_checkpoint(tmp_path):
    net = Net()
    weights = {"w": np.ones((2, 2), np.float32), "b": np.ones(2, np.float32)}
    save_checkpoint(tmp_path / "c", {"model": weights, "epoch": 1})
    load_weights(tmp_path / "c", net)
    assert net.state["w"].sum() == 4


def test_weights_that_do_not_fit_name_the_file(tmp_path):
    net = Net()
    del net.state["b"]
    save_weights(tmp_path / "w", net)
    with pytest.raises(CheckpointError, match=r"w: missing \['b'\]"):
        load_weights(tmp_path / "w", Net())
    load_weights(tmp_path / "w", Net(), strict=False)


def test_weights_of_the_reference_writer(tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    reference.save_file({"w": np.full((2, 2), 5, np.float32), "b": np.zeros(2, np.float32)}, tmp_path / "w")
    net = Net()
    load_weights(tmp_path / "w", net)
    assert net.state["w"][0, 0] == 5


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "a"
    save_checkpoint(path, {"n": 1})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, {"n": 2})
    monkeypatch.undo()
    assert load_checkpoint(path) == {"n": 1}
    assert os.listdir(tmp_path) == ["a"]
