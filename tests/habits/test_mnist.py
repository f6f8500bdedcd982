"""A script that was written for PyTorch runs with its imports changed."""

import re
import types
from pathlib import Path

import numpy as np
import pytest

import tinydl as td

SCRIPT = Path(__file__).with_name("mnist.py")


@pytest.fixture
def digits(tmp_path):
    """Images of 28x28 with a bar whose place is the class."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, n in (("train", 300), ("test", 60)):
        y = rng.integers(0, 10, n)
        x = rng.integers(0, 60, (n, 28, 28))
        for image, label in zip(x, y, strict=True):
            image[2 * label + 4:2 * label + 7, 4:24] += 190
        arrays |= {f"x_{name}": x.astype(np.uint8), f"y_{name}": y.astype(np.uint8)}
    np.savez(tmp_path / "digits.npz", **arrays)
    return tmp_path


def main_of(text):
    module = types.ModuleType("script")
    exec(compile(text, str(SCRIPT), "exec"), vars(module))
    return module.main


def changed():
    """The script with tinydl in the place of torch in its imports, and the number of lines that differ."""
    lines = SCRIPT.read_text().splitlines()
    new = [line.replace("import torch", "import tinydl as torch", 1) if line == "import torch" else
           re.sub(r"^(import|from) torch(?=\.)", r"\1 tinydl", line) for line in lines]
    return "\n".join(new), sum(a != b for a, b in zip(lines, new, strict=True))


def test_a_script_of_pytorch_runs_with_five_lines_changed(digits, capsys, monkeypatch):
    text, count = changed()
    assert count <= 5
    monkeypatch.chdir(digits)
    arguments = ["digits.npz", "--save-model"]
    with pytest.warns(UserWarning, match="'mnist_cnn.pt' becomes 'mnist_cnn.safetensors'"):
        model, losses, accuracy, rates = main_of(text)(arguments)
    shown = capsys.readouterr().out
    assert losses[-1] < losses[0] and accuracy > 80 and np.allclose(rates, [0.05 * 0.7**4])
    assert re.search(r"Train Epoch: 1 \[0/300 \(0%\)\]\tLoss: \d\.\d{6}\n", shown)
    assert re.search(r"Accuracy: \d+/60 \(\d+%\)", shown)
    saved = td.load("mnist_cnn.safetensors")
    assert saved.keys() == model.state_dict().keys() and saved["conv1.weight"].shape == (8, 1, 3, 3)
    again, others, *_ = main_of(text)(arguments[:1])
    assert losses == others and all(np.array_equal(a, b) for a, b in zip(
        model.state_dict().values(), again.state_dict().values(), strict=True))


def test_the_script_is_one_of_pytorch(digits, capsys):
    pytest.importorskip("torch")
    _, losses, accuracy, rates = main_of(SCRIPT.read_text())([str(digits / "digits.npz")])
    assert losses[-1] < losses[0] and accuracy > 80 and np.allclose(rates, [0.05 * 0.7**4])
