"""The training of a run; resumption, interruption and divergence: tests/test_cli.py."""

import csv
import errno
import json
import os
import shutil

import numpy as np
import pytest

from tinydl import cli
from tinydl.train.tensorfile import read_tensors

FAST = ["--epochs", "2", "--batch-size", "16", "--threads", "1", "--out", "r"]


def history():
    with open("r/history.csv", newline="") as file:
        return list(csv.DictReader(file))


def arrays(path="a.npz", n=80, **more):
    rng = np.random.default_rng(0)
    np.savez(path, x=rng.random((n, 8, 8)), y=np.arange(n) % 2, **more)
    return path


def test_validation_is_apart_from_the_test_images(elsewhere, capsys):
    assert cli.main(["train", "--data", arrays(), *FAST, "--val-split", "0.25"]) == 0
    out = capsys.readouterr().out
    assert "a.npz: 48 training, 16 validation and 16 test images" in out
    assert all(row["val_loss"] for row in history())
    result = json.loads((elsewhere / "r" / "result.json").read_text())
    assert (result["n_train"], result["n_valid"], result["n_test"], result["test"]["n"]) == (48, 16, 16, 16)


def test_no_validation_at_all(elsewhere, capsys):
    assert cli.main(["train", "--data", arrays(), *FAST, "--val-split", "0"]) == 0
    assert "64 training and 16 test images" in capsys.readouterr().out
    assert "val_loss" not in history()[0]


def test_early_stopping_takes_the_best_weights(elsewhere, capsys):
    """Noise: what is learned of it makes the validation loss worse."""
    flags = ["--epochs", "200", "--batch-size", "16", "--lr", "0.01", "--threads", "1", "--out", "r"]
    assert cli.main(["train", "--data", arrays(), *flags, "--early-stopping", "3"]) == 0
    rows = history()
    assert len(rows) < 200
    losses = [float(row["val_loss"]) for row in rows]
    assert losses.index(min(losses)) == len(rows) - 4
    assert "stopped early: val_loss has not improved for 3 epochs" in capsys.readouterr().out


def test_quiet_and_json(elsewhere, capsys):
    assert cli.main(["train", "--data", arrays(), *FAST, "--json"]) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert captured.err == "" and told["run"] == "r" and 0 <= told["test"]["accuracy"] <= 1
    assert told == json.loads((elsewhere / "r" / "result.json").read_text())
    assert cli.main(["train", "--resume", "r", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("test accuracy ")


@pytest.mark.parametrize(("task", "y"), [("regression", np.linspace(900, 1100, 80)),
                                         ("labels", np.arange(160).reshape(80, 2) // 3 % 2)])
def test_other_tasks(elsewhere, capsys, task, y):
    rng = np.random.default_rng(0)
    np.savez("a.npz", x=rng.random((80, 5)), y=y)
    assert cli.main(["train", "--data", "a.npz", *FAST]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert ("1 target of a regression" if task == "regression" else "2 classes, several of them a sample") in out
    assert json.loads((elsewhere / "r" / "config.json").read_text())["task"] == task
    assert cli.main(["eval", "r"]) == 0
    assert ("R2" if task == "regression" else "macro F1") in capsys.readouterr().out
    assert cli.main(["predict", "r", "a.npz", "--csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == ("file,value0" if task == "regression" else "file,classes") and len(lines) == 81


LONGER = ["--batch-size", "16", "--threads", "1", "--schedule", "none", "--augment", "shift=1", "--val-split", "0.2",
          "--early-stopping", "9"]


def test_a_longer_run_has_the_bits_of_one_that_was_never_shorter(elsewhere, capsys):
    data = arrays(n=40)
    assert cli.main(["train", "--data", data, *LONGER, "--epochs", "3", "--out", "whole"]) == 0
    assert cli.main(["train", "--data", data, *LONGER, "--epochs", "1", "--out", "r"]) == 0
    assert cli.main(["train", "--resume", "r", "--epochs", "3", "--threads", "2"]) == 0
    assert [row["epoch"] for row in history()] == ["1", "2", "3"]
    assert (elsewhere / "r" / "config.json").read_bytes() == (elsewhere / "whole" / "config.json").read_bytes()
    whole, longer = (read_tensors(f"{name}/weights.safetensors")[0] for name in ("whole", "r"))
    assert all(np.array_equal(whole[key], longer[key]) for key in whole)
    capsys.readouterr()
    assert cli.main(["train", "--resume", "r", "--epochs", "3"]) == 0
    assert "all 3 epochs are done already" in capsys.readouterr().out


@pytest.mark.parametrize("schedule", ["onecycle", "cosine", "linear", "step", "multistep"])
def test_a_schedule_begins_anew_for_epochs_that_are_added(elsewhere, capsys, schedule):
    flags = ["train", "--data", arrays(n=40), *LONGER[:4], "--schedule", schedule]
    assert cli.main([*flags, "--epochs", "3", "--out", "r"]) == 0
    assert cli.main(["train", "--resume", "r", "--epochs", "6"]) == 0
    assert f"schedule {schedule} begins anew for epochs 4 to 6\n" in capsys.readouterr().out
    rates = [float(row["lr"]) for row in history()]
    assert rates[3:] == pytest.approx(rates[:3], rel=1e-12) and len(set(rates)) > 1
    assert cli.main(["train", "--config", "r/config.json", "--out", "whole"]) == 0
    whole, longer = (read_tensors(f"{name}/weights.safetensors")[0] for name in ("whole", "r"))
    assert all(np.array_equal(whole[key], longer[key]) for key in whole)


def test_a_run_is_made_longer_whenever_it_is_stopped(elsewhere, monkeypatch):
    """After config.json, before the first batch of the new epochs."""
    flags = ["train", "--data", arrays(n=40), *LONGER[:4]]
    assert cli.main([*flags, "--epochs", "2", "--out", "r"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(cli.fitting, "_introduce", lambda *args: None)
        patch.setattr("tinydl.train.Trainer.fit", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            cli.main(["train", "--resume", "r", "--epochs", "4"])
    assert cli.main(["train", "--resume", "r"]) == 0
    assert cli.main(["train", "--config", "r/config.json", "--out", "whole"]) == 0
    whole, longer = (read_tensors(f"{name}/weights.safetensors")[0] for name in ("whole", "r"))
    assert all(np.array_equal(whole[key], longer[key]) for key in whole) and len(history()) == 4


@pytest.mark.parametrize(("flags", "epochs", "message"), [
    (["--schedule", "none", "--epochs", "2"], "1", "r has 2 epochs already, --epochs 1 would be fewer"),
    (["--schedule", "none", "--epochs", "9", "--early-stopping", "1", "--lr", "1e-30"], "10",
     "r did not end for want of epochs: val_loss has not improved for 1 epoch"),
])
def test_what_cannot_be_longer_stays_as_it_is(elsewhere, capsys, flags, epochs, message):
    assert cli.main(["train", "--data", arrays(n=40), *LONGER[:4], "--out", "r", *flags]) == 0
    before = {path.name: path.read_bytes() for path in (elsewhere / "r").iterdir()}
    assert cli.main(["train", "--resume", "r", "--epochs", epochs]) == 2
    assert message in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (elsewhere / "r").iterdir()} == before


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOENT, errno.ENOSPC])
@pytest.mark.parametrize("place", ["tinydl.train.Trainer.fit", "tinydl.cli.scores.score"])
def test_what_happens_to_files_under_way_is_a_run_that_failed(elsewhere, capsys, monkeypatch, place, number):
    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number), "r/history.csv")

    monkeypatch.setattr(place, fail)
    assert cli.main(["train", "--data", arrays(n=40), *FAST]) == 1
    assert capsys.readouterr().err == f"tinydl train: error: r/history.csv: {os.strerror(number)}\n"


def test_a_run_whose_folder_is_removed_has_failed(elsewhere, capsys, monkeypatch):
    score = cli.scores.score
    monkeypatch.setattr(cli.scores, "score", lambda *args: shutil.rmtree("r") or score(*args))
    assert cli.main(["train", "--data", arrays(n=40), *FAST]) == 1
    assert "weights.safetensors: No such file or directory" in capsys.readouterr().err


def test_a_divergence_is_told_though_the_folder_cannot_say_so(elsewhere, capsys, monkeypatch):
    """A resumed run, whose folder stays; result.json cannot be replaced, as a folder has its name."""
    def diverge(*args, **kwargs):
        (elsewhere / "r" / "result.json").unlink()
        (elsewhere / "r" / "result.json").mkdir()
        raise FloatingPointError("the loss of epoch 3 is nan")

    assert cli.main(["train", "--data", arrays(n=40), *FAST]) == 0
    monkeypatch.setattr("tinydl.train.Trainer.fit", diverge)
    assert cli.main(["train", "--resume", "r", "--epochs", "3"]) == 1
    assert capsys.readouterr().err == (
        "tinydl train: error: the loss of epoch 3 is nan; r/result.json could not be written (Is a directory): a new "
        "training needs another --out\n")


@pytest.mark.parametrize(("number", "code"), [(errno.EROFS, 2), (errno.ENOENT, 2), (errno.ENOSPC, 1)])
def test_what_is_found_before_the_first_batch_can_be_put_right(elsewhere, monkeypatch, number, code):
    def fail(*args):
        raise OSError(number, os.strerror(number), "r/checkpoint.safetensors")

    assert cli.main(["train", "--data", arrays(n=40), *FAST]) == 0
    monkeypatch.setattr("tinydl.train.run.Run.restore", fail)
    assert cli.main(["train", "--resume", "r"]) == code
