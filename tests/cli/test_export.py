"""`tinydl export`: what is written takes raw samples."""

import errno
import json
import os
import shutil
import subprocess

import numpy as np
import pytest

from tinydl import cli
from tinydl.train import load_model

MAIN = """\
#include <stdio.h>
#include "model.c"
int main(void)
{
    unsigned char pixels[MODEL_INPUT_SIZE];
    while (fread(pixels, sizeof pixels, 1, stdin) == 1) {
        int8_t x[MODEL_INPUT_SIZE], y[MODEL_OUTPUT_SIZE];
        float values[MODEL_OUTPUT_SIZE];
        for (int k = 0; k < MODEL_INPUT_SIZE; k++) {
            int q = (int)(pixels[k] / MODEL_INPUT_SCALE + 0.5) + MODEL_INPUT_ZERO;
            x[k] = (int8_t)(q > 127 ? 127 : q);
        }
        model_predict(x, y);
        for (int k = 0; k < MODEL_OUTPUT_SIZE; k++)
            values[k] = (float)MODEL_OUTPUT_SCALE * (float)(y[k] - MODEL_OUTPUT_ZERO);
        fwrite(values, sizeof values, 1, stdout);
    }
    return 0;
}
"""


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


def test_c_of_integers_takes_raw_pictures(there, tmp_path):
    """It answers what the run answers, but for the steps of 8 bits."""
    assert cli.main(["export", "run", str(tmp_path / "model.c"), "--int8"]) == 0
    text = (tmp_path / "model.c").read_text()
    assert "void model_predict(const int8_t *x, int8_t *y)" in text
    (tmp_path / "main.c").write_text(MAIN)
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    subprocess.run(["gcc", "-std=c99", "-O1", "main.c", "-o", "main"], cwd=tmp_path, check=True)
    x = np.load("small.npz")["x"][:, None]
    done = subprocess.run([tmp_path / "main"], input=x.tobytes(), capture_output=True, check=True)
    got, expected = np.frombuffer(done.stdout, np.float32).reshape(60, 3), load_model("run").outputs(x)
    assert np.abs(got - expected).max() < 0.03 * np.abs(expected).max()


@pytest.mark.parametrize(("argv", "message"), [
    (["run", "a.pt"], "a.pt: choose a name that ends with .onnx, .c or .safetensors"),
    (["run", "a.onnx", "--int8"], "a.onnx: --int8 is for C files; choose a name that ends with .c"),
    (["nowhere", "a.c"], "nowhere: no such run folder"),
    (["run", "a" * 300 + ".c"], f"aaa.c: {os.strerror(errno.ENAMETOOLONG)}"),
])
def test_what_cannot_be_written(there, capsys, argv, message):
    assert cli.main(["export", *argv]) == 2
    assert message in capsys.readouterr().err
