"""`tinydl compare`."""

import json
import os
import shutil

import pytest

from tinydl import cli


def test_what_differs_is_shown(there, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # the folder's path is long
    other = tmp_path / "other"
    shutil.copytree("run", other)
    config = json.loads((other / "config.json").read_text())
    config["lr"] = 0.125
    (other / "config.json").write_text(json.dumps(config))
    (other / "result.json").unlink()
    (other / "history.csv").write_text("damaged")
    assert cli.main(["compare", "run", str(other)]) == 0
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["run", "lr", "done"]
    assert first.split()[:4] == ["run", "0.05", "8", "epochs"] and "100.00 %" in first
    assert second.split()[:4] == [str(other), "0.125", "0", "epochs"] and "not done" in second
    assert cli.main(["compare", "run", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["runs"]
    assert row["test"]["accuracy"] == 1 and row["settings"]["model"] == "digits_cnn"
    assert cli.main(["compare", "run", "nowhere"]) == 2


def test_curves_are_drawn_where_a_file_is_named(there, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "c.png"
    assert cli.main(["compare", "run", "run", "--out", str(picture), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["picture"] == str(picture)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert cli.main(["compare", "run", "--out", "c.txt"]) == 2
    assert "c.txt: choose a name that ends with .png, .svg or .pdf" in capsys.readouterr().err
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy("run/config.json", bare)
    assert cli.main(["compare", str(bare), "--out", str(tmp_path / "d.png")]) == 2
    assert "no run has an epoch to draw: bare" in capsys.readouterr().err
    assert not (tmp_path / "d.png").exists()


def test_many_settings_fit_a_terminal(there, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    config = json.loads((there / "run" / "config.json").read_text())
    folders = []
    for k in range(4):
        folder = tmp_path / f"a-run-with-a-rather-long-name-{k}"
        folder.mkdir()
        changed = {"lr": 0.1 + k, "momentum": 0.1 * k, "batch_size": 16 + k, "weight_decay": 0.001 * k,
                   "augment": {"shift": 4 + k, "mirror": False, "padding": "reflect"},
                   "loss": {"weight": [0.3333333 + k, 1.0, 2.0]}}
        (folder / "config.json").write_text(json.dumps({**config, **changed}))
        folders.append(str(folder))
    assert cli.main(["compare", *folders]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[1:] for line in lines if line.startswith("lr")] == [["0.1", "1.1", "2.1"], ["3.1"]]
    assert "weight 0.333333, 1," in " ".join(lines).replace("  ", " ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX's")
@pytest.mark.parametrize(("name", "content"), [
    ("history.csv", "epoch,val_loss,seconds\n0,soon,1.5\n"), ("history.csv", "epoch,val_loss,seconds\n0,1,2,3\n"),
    ("history.csv", b"epoch,seconds\n\xff,1\n"), ("history.csv", None),
    ("result.json", '{"test": {"loss": 1}}'), ("result.json", '{"test": {"accuracy": "all"}}'),
    ("result.json", '{"test": {"accuracy": 1' + 400 * "0" + "}}"), ("result.json", "[" * 100_000),
    ("result.json", '["failed"]'), ("result.json", None),
])
def test_files_that_cannot_be_read_count_as_missing(there, tmp_path, capsys, name, content):
    """None: a pipe, for which nobody waits."""
    run = tmp_path / "spoilt"
    run.mkdir()
    shutil.copy(there / "run" / "config.json", run)
    if content is None:
        os.mkfifo(run / name)
    else:
        (run / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert cli.main(["compare", str(run), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)["runs"][0]
    assert row["epochs"] == 0 and row["val_loss"] is None and row["test"] is None
