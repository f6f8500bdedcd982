"""`tinydl export`: what is written takes raw samples."""

import json

import numpy as np
import pytest

from tinydl import cli
from tinydl.train import load_model


def test_onnx_takes_raw_pictures(there, tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "a.onnx"
    assert cli.main(["export", "run", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(path)}
    x = np.load("small.npz")["x"][:, None]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    got = session.run(None, {session.get_inputs()[0].name: x.astype(np.float32)})[0]
    assert got == pytest.approx(load_model("run").outputs(x), abs=1e-3)
    assert json.loads(session.get_modelmeta().custom_metadata_map["class_names"]) == ["low", "middle", "high"]


def test_weights_and_c(there, tmp_path):
    for name in ("a.safetensors", "a.c"):
        assert cli.main(["export", "run", str(tmp_path / name)]) == 0
    x = np.load("small.npz")["x"][:, None]
    assert np.array_equal(load_model(tmp_path / "a.safetensors").outputs(x), load_model("run").outputs(x))
    assert "void model_predict(const float *x, float *y)" in (tmp_path / "a.c").read_text()


@pytest.mark.parametrize(("argv", "message"), [
    (["run", "a.pt"], "a.pt: choose a name that ends with .onnx, .c or .safetensors"),
    (["nowhere", "a.c"], "nowhere: no such run folder"),
])
def test_what_cannot_be_written(there, capsys, argv, message):
    assert cli.main(["export", *argv]) == 2
    assert message in capsys.readouterr().err
