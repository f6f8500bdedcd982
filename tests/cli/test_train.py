"""`tinydl train` on data of the user's own, from files to a result; all else about it: tests/test_cli.py."""

import csv
import json
import os
import wave

import numpy as np
import pytest

from tinydl import cli

FAST = ["--epochs", "1", "--batch-size", "8", "--threads", "1", "--out", "r", "--json"]


def trained(capsys, *argv):
    """The result of a run, and its settings."""
    assert cli.main(["train", *argv, *FAST]) == 0
    result = json.loads(capsys.readouterr().out)
    with open("r/config.json") as file:
        return result, json.load(file)


def test_a_folder_of_pictures(elsewhere, capsys):
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        os.makedirs(f"animals/{name}")
        for k in range(15):
            image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(f"animals/{name}/{k}.png")
    result, config = trained(capsys, "--data", "animals")
    assert (result["n_train"], result["n_valid"], result["n_test"]) == (22, 2, 6)
    assert config["class_names"] == ["cat", "dog"] and config["image_shape"] == [3, 20, 24]
    assert config["model"] == "vgg_small" and config["about"]["kind"] == "pictures"
    assert cli.main(["predict", "r", "animals"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 30


def test_a_folder_of_sounds(elsewhere, capsys):
    for name in ("low", "high"):
        os.makedirs(f"tones/{name}")
        for k in range(10):
            with wave.open(f"tones/{name}/{k}.wav", "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                tone = np.sin(np.arange(400) * (0.1 if name == "low" else 0.5) + k)
                file.writeframes((20000 * tone).astype("<i2").tobytes())
    _, config = trained(capsys, "--data", "tones")
    assert config["image_shape"] == [1, 400] and config["model"] == "signal_cnn" and config["about"]["rate"] == 8000
    assert cli.main(["predict", "r", "tones/low"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 10


@pytest.mark.parametrize(("shape", "model"), [(None, "table_mlp"), ("3x8", "signal_cnn")])
def test_a_table(elsewhere, capsys, shape, model):
    rng = np.random.default_rng(0)
    with open("t.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow([*(f"v{k}" for k in range(24)), "label"])
        for k in range(40):
            table.writerow([*rng.random(24).tolist(), ("walk", "rest")[k % 2]])
    more = ["--shape", shape, "--augment", "shift=2,mixup=0.2"] if shape else []
    _, config = trained(capsys, "--data", "t.csv", *more)
    assert config["class_names"] == ["rest", "walk"] and config["model"] == model
    assert config["image_shape"] == ([3, 8] if shape else [24])
    assert cli.main(["predict", "r", "t.csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 40
    assert cli.main(["train", "--data", "t.csv", "--augment", "shift=1"]) == 2
    assert "shift is for pictures and signals" in capsys.readouterr().err and not os.path.exists("runs")
