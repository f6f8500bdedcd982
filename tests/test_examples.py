"""Every example runs in its short form, shows what it promises and draws its picture."""

import ast
import importlib.util
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinydl as td

matplotlib = pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

FOLDER = Path(__file__).resolve().parents[1] / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


def loaded(name):
    """The example as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name, tmp_path):
    """What main() of an example returns; its picture must be there and be one."""
    result = loaded(name).main(short=True, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.png"]
    from matplotlib.image import imread

    picture = imread(tmp_path / f"{name}.png")
    assert min(picture.shape[:2]) > 300
    assert picture[..., :3].std() > 0.05
    return result


def test_the_examples_are_those_of_the_course_and_the_recipe():
    assert NAMES == ["cifar10_94", "digits", "edges", "keyword_scan", "keyword_stream", "microcontroller", "serve",
                     "shared_weights", "space_warping", "sweep_optuna", "sweep_ray", "vanishing_gradients",
                     "winner_takes_all"]


@pytest.fixture(autouse=True)
def narrow(capsys):
    """What an example prints fits a terminal of 80 columns."""
    yield
    assert max(map(len, capsys.readouterr().out.splitlines()), default=0) <= 80


@pytest.mark.parametrize("name", NAMES)
def test_short_and_of_one_form(name):
    text = (FOLDER / f"{name}.py").read_text()
    assert len(text.splitlines()) < 80
    # What it shows, how it is called, more, and how long it takes.
    parts = ast.parse(text).body
    said = parts[0].value.value
    assert re.match(rf"[A-Z][^\n]+[.]\n\n    python examples/{name}\.py \[--short\] \[--out FOLDER\][^\n]*\n\n\S", said)
    assert re.search(r"takes (?:\d+ s|a few seconds)\b", said)
    # Imports, constants and helpers, main, and how the command line calls it.
    kinds = [type(part).__name__ for part in parts[1:]]
    imports = [kind in ("Import", "ImportFrom") for kind in kinds]
    assert sorted(imports, reverse=True) == imports and kinds[-2:] == ["FunctionDef", "If"]
    assert parts[-2].name == "main" and ast.unparse(parts[-2].args).startswith("short=False, out='.'")
    program = text.partition('if __name__ == "__main__":\n')[2]
    assert ("    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])\n"
            '    parser.add_argument("--short", action="store_true", help="') in program
    assert '    parser.add_argument("--out", default=".", help="folder for the ' in program
    assert "main(**vars(parser.parse_args()))" in program.splitlines()[-1]


@pytest.mark.parametrize("name", NAMES)
def test_help(name, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    for package in {"serve": ("fastapi", "uvicorn"), "sweep_optuna": ("optuna",), "sweep_ray": ("ray",)}.get(name, ()):
        pytest.importorskip(package)
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert "--short" in said and "--out" in said and max(map(len, said.splitlines())) <= 80


def test_as_a_program(tmp_path):
    done = subprocess.run([sys.executable, str(FOLDER / "winner_takes_all.py"), "--short", "--out", str(tmp_path)],
                          capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "largest difference" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["winner_takes_all.png"]


def test_cifar10_94(tmp_path):
    assert run("cifar10_94", tmp_path) >= 0.9


def test_digits(tmp_path):
    assert run("digits", tmp_path) >= 0.95


def test_edges(tmp_path):
    second, share = run("edges", tmp_path)
    assert second.shape == (1, 1, 8)
    np.testing.assert_allclose(second, 0.02, rtol=1e-9)
    assert 0.05 < share < 0.3


def test_keyword_scan(tmp_path):
    right, score = run("keyword_scan", tmp_path)
    assert right["scanning detector", "unseen places"] >= 0.98
    assert right["fully connected net", "the place of training"] >= 0.9
    assert right["fully connected net", "unseen places"] < 0.75
    # The detector fires three times, where the word is said, and nowhere else.
    above = (score > 0.5).astype(int)
    middle = (np.flatnonzero(above) * 16 + 622) / 4000
    inside = [(middle > start) & (middle < start + 0.3) for start in (1.3, 2.4, 4.5)]
    assert all(place.any() for place in inside)
    assert np.logical_or.reduce(inside).all()


def test_keyword_stream(tmp_path):
    right, difference, ends = run("keyword_stream", tmp_path)
    assert right >= 0.97 and difference <= 1e-4
    # The word is said at 1.3, 2.4 and 4.5 s and takes 0.3 s; windows of 0.4 s that hold it end up to 0.1 s later.
    heard = [(ends > start + 0.2) & (ends < start + 0.45) for start in (1.3, 2.4, 4.5)]
    assert all(place.any() for place in heard)
    assert np.logical_or.reduce(heard).all()


def test_microcontroller(tmp_path):
    assert run("microcontroller", tmp_path) is True


def test_serve(tmp_path):
    pytest.importorskip("fastapi")
    pytest.importorskip("httpx")
    from fastapi.testclient import TestClient

    client = TestClient(loaded("serve").main(short=True, out=tmp_path))
    assert "<canvas" in client.get("/").text
    _, test = td.data.load_digits()
    drawings = np.zeros((40, 64, 64))  # digits of the data set, larger and not in the middle
    drawings[:, 20:60, 3:43] = np.kron(test.images[:40, 0] / test.images.max(), np.ones((5, 5)))
    answers = [client.post("/predict", json={"pixels": drawn.tolist()}).json() for drawn in drawings]
    assert np.mean([answer["digit"] for answer in answers] == test.labels[:40]) >= 0.9
    assert sum(answers[0]["probabilities"]) == pytest.approx(1, abs=1e-5)
    before = (tmp_path / "serve.safetensors").read_bytes()
    again = TestClient(loaded("serve").main(out=tmp_path))  # reads the file
    assert again.post("/predict", json={"pixels": drawings[0].tolist()}).json() == answers[0]
    assert (tmp_path / "serve.safetensors").read_bytes() == before
    wrong = [(np.zeros((64, 64)), "nothing is drawn"), (2 * drawings[0], "from 0, white, to 1"),
             (drawings[0, :9], "64 rows of 64")]
    for drawn, words in wrong:
        reply = client.post("/predict", json={"pixels": drawn.tolist()})
        assert reply.status_code == 422 and words in reply.json()["detail"]


def test_shared_weights(tmp_path):
    worst = run("shared_weights", tmp_path)
    assert set(worst) == {"outputs", "first gradient", "trained weights"}
    assert all(value <= 1e-6 for value in worst.values())


def test_space_warping(tmp_path):
    shares, right = run("space_warping", tmp_path)
    assert shares["input"] < 0.7
    assert shares["tanh, 2 units"] >= 0.98
    assert right >= 0.98


def test_vanishing_gradients(tmp_path):
    left = run("vanishing_gradients", tmp_path)
    assert left["plain"] < 1e-5
    assert left["batch norm"] > 1
    assert 0.5 < left["residual"] < 5
    assert abs(left["residual, small start"] - 1) < 0.1


def test_winner_takes_all(tmp_path):
    assert run("winner_takes_all", tmp_path) < 1e-14


def test_sweep_ray(tmp_path):
    pytest.importorskip("ray")
    assert run("sweep_ray", tmp_path) >= 0.85


def test_sweep_optuna(tmp_path):
    pytest.importorskip("optuna")
    assert run("sweep_optuna", tmp_path) >= 0.85
