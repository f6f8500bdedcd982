"""to_c: what the file says of itself, names, and what is refused."""

import subprocess

import numpy as np
import pytest

import tinydl as td
from tinydl import nn


@pytest.fixture
def quantized():
    td.manual_seed(0)
    return td.quantize(nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)),
                       np.random.default_rng(0).random((9, 2, 4, 4), np.float32))


def test_the_head_and_the_macros(quantized, tmp_path):
    td.to_c(quantized, tmp_path / "net.c", name="net")
    text = (tmp_path / "net.c").read_text()
    assert "int8_t x[32], y[2];" in text and "x: 4 x 4 pixels of 2 channel(s), [row][column][channel]" in text
    assert "#define NET_INPUT_SIZE 32\n" in text and f"#define NET_OUTPUT_ZERO ({quantized.output_scale.zero})" in text
    assert f"#define NET_INPUT_SCALE {quantized.input_scale.scale!r}\n" in text
    assert "model" not in text and "#include <stdint.h>" in text and text.count("#include") == 1
    assert max(map(len, text.splitlines())) <= 125


def test_no_library_is_called_and_two_networks_fit_one_program(quantized, tmp_path):
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.GELU(), nn.MaxPool2d(2), nn.Flatten())
    td.to_c(quantized, tmp_path / "one.c", name="one")
    td.to_c(model, tmp_path / "two.c", (2, 4, 4), name="two")
    (tmp_path / "both.c").write_text('#include "one.c"\n#include "two.c"\n')
    subprocess.run(["gcc", "-std=c99", "-Wall", "-Werror", "-Os", "-ffreestanding", "-c", "both.c"], cwd=tmp_path,
                   check=True)
    done = subprocess.run(["nm", "both.o"], cwd=tmp_path, check=True, capture_output=True, text=True)
    names = {line.split()[-1]: line.split()[-2] for line in done.stdout.splitlines()}
    assert {name for name, kind in names.items() if kind == "T"} == {"one_predict", "two_predict"}
    assert {name for name, kind in names.items() if kind == "U"} <= {"memset", "memcpy", "_GLOBAL_OFFSET_TABLE_"}


WRONG = [
    ({"name": "2"}, ValueError, "name must be an identifier of C, got '2'"),
    ({"name": "int"}, ValueError, "identifier of C"),
    ({"name": None}, ValueError, "identifier of C"),
    ({"network": nn.Linear(2, 2)}, TypeError, "to_c needs the input_shape of a model"),
    ({"network": 3, "input_shape": (2,)}, TypeError, "to_c takes a module, got int"),
    ({"network": nn.Softmax(1), "input_shape": (2,)}, ValueError, r"Softmax \(Softmax\) has no form"),
    ({"input_shape": (1,)}, ValueError, r"takes \(2, 4, 4\), got input_shape \(1,\)"),
    ({"path": "none/model.c"}, FileNotFoundError, "none"),
]


@pytest.mark.parametrize("change, error, words", WRONG, ids=[str(k) for k in range(len(WRONG))])
def test_wrong_arguments(change, error, words, quantized, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        td.to_c(**{"network": quantized, "path": "model.c", **change})
    assert not any(tmp_path.iterdir())
