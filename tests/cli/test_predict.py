"""`tinydl predict`: folders, other sizes and polarities, files that cannot be read, and the forms of the answer."""

import csv
import json
import os

import numpy as np
import pytest

from tinydl import cli


@pytest.fixture
def pictures(there, tmp_path):
    """A folder with a picture of every class, of another size, and a file that is none."""
    image = pytest.importorskip("PIL.Image")
    os.makedirs(tmp_path / "in" / "deeper")
    x = np.load("small.npz")["x"]
    for k, name in enumerate(("a", "b", "deeper/c")):
        image.fromarray(x[k]).resize((16, 16), 0).save(tmp_path / "in" / f"{name}.png")
    image.fromarray(255 - x[2]).save(tmp_path / "inverted.png")
    return tmp_path


def answers(capsys):
    return [line.split("\t")[:2] for line in capsys.readouterr().out.splitlines()]


def test_a_folder_of_pictures_of_another_size(pictures, capsys):
    folder = str(pictures / "in")
    assert cli.main(["predict", "run", folder]) == 2
    assert capsys.readouterr().err.count("--resize brings pictures to that size") == 3
    assert cli.main(["predict", "run", folder, "--resize"]) == 0
    assert answers(capsys) == [[f"{folder}/a.png", "low"], [f"{folder}/b.png", "middle"],
                               [f"{folder}/deeper/c.png", "high"]]


def test_a_broken_file_is_named_and_the_others_are_predicted(pictures, capsys):
    (pictures / "in" / "aa.png").write_text("hello")
    assert cli.main(["predict", "run", str(pictures / "in"), "--resize"]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 3
    assert "aa.png: not a picture that can be read" in captured.err and captured.err.count("\n") == 1


def test_another_polarity_is_said_and_turned(pictures, capsys):
    path = str(pictures / "inverted.png")
    assert cli.main(["predict", "run", path]) == 0
    assert "is it inverted? (--invert turns dark into bright)" in capsys.readouterr().err
    assert cli.main(["predict", "run", path, "--invert"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "" and captured.out.split("\t")[1] == "high"


def test_another_range_is_said(there, capsys, tmp_path):
    np.save(tmp_path / "a.npy", np.load("small.npz")["x"][0] * np.float32(1))  # floats of 0..255, not of 0..1
    assert cli.main(["predict", "run", str(tmp_path / "a.npy")]) == 0
    assert "is its range another one?" in capsys.readouterr().err


def test_top_as_text_as_a_table_and_as_json(there, capsys):
    assert cli.main(["predict", "run", "small.npz", "--top", "2"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 60 and all(len(line) == 5 for line in lines)
    assert cli.main(["predict", "run", "small.npz", "--top", "2", "--csv"]) == 0
    rows = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert rows[0] == ["file", "class", "probability", "class2", "probability2"]
    assert [row[1] for row in rows[1:4]] == ["low", "middle", "high"]
    assert all(float(row[2]) >= float(row[4]) for row in rows[1:])
    assert cli.main(["predict", "run", "small.npz", "--top", "9", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["errors"] == [] and len(told["predictions"]) == 60
    shares = [answer["probability"] for answer in told["predictions"][0]["classes"]]
    assert len(shares) == 3 and sum(shares) == pytest.approx(1) and shares == sorted(shares, reverse=True)
    assert cli.main(["predict", "run", "small.npz", "--csv", "--json"]) == 2
