import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import tinydl as td
from tinydl import cli, optim
from tinydl.train import load_checkpoint
from tinydl.train.tensorfile import read_tensors

pytest.importorskip("matplotlib")

PNG = b"\x89PNG\r\n\x1a\n"
FILES = {"config.json", "history.csv", "weights.safetensors", "checkpoint.safetensors", "curves.png", "confusion.png",
         "filters.png", "mistakes.png"}


@pytest.fixture
def pictures():
    """Ask for it to have a run's pictures made, which takes longer than a small run."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch, request):
    """Every test in a folder of its own, without the user's data folder."""
    if "pictures" not in request.fixturenames:
        monkeypatch.setattr(cli.pictures, "make", lambda *args: [])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYDL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def small_npz(path="small.npz", n=60, classes=3, size=8, seed=0):
    """Easy pictures: a bright row whose position is the class."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    x = rng.integers(0, 60, (n, size, size), dtype=np.uint8)
    x[np.arange(n), y] += 150
    np.savez(path, x=x, y=y)
    return path


def train(*args, data=None):
    """A short run on small pictures; returns its exit code."""
    return cli.main(["train", "--data", data or small_npz(), "--epochs", "2", "--batch-size", "16", "--lr", "0.05",
                     "--threads", "1", *args])


def history(folder):
    """Rows of a run's history.csv."""
    with open(f"{folder}/history.csv", newline="") as file:
        return list(csv.DictReader(file))


def content(path, mode="r"):
    with open(path, mode) as file:
        return file.read()


def refused(capsys, argv, *parts, code=2):
    """Run a command that must end with one clear line on standard error."""
    try:
        got = cli.main([str(a) for a in argv])
    except SystemExit as stop:
        got = stop.code
    captured = capsys.readouterr()
    assert got == code
    lines = captured.err.splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("tinydl")
    assert "error: " in lines[0]
    for part in parts:
        assert part in lines[0]
    return lines[0]


# --- the promise of the first line of the README -------------------------------------------------------------------

def test_digits_reach_985_and_everything_is_on_disk(pictures, capsys):
    assert cli.main(["train", "--threads", "1"]) == 0
    out = capsys.readouterr().out
    folder = "runs/digits-digits_cnn"
    rows = history(folder)
    assert len(rows) == 15
    assert float(rows[-1]["val_accuracy"]) >= 0.985
    assert "1,438 training and 359 test images of 1x8x8, 10 classes" in out
    assert f"test accuracy {100 * float(rows[-1]['val_accuracy']):.2f} %" in out
    assert set(os.listdir(folder)) >= FILES
    for name in FILES:
        if name.endswith(".png"):
            assert content(f"{folder}/{name}", "rb").startswith(PNG)
    assert cli.main(["eval", folder]) == 0
    assert f"accuracy {100 * float(rows[-1]['val_accuracy']):.2f} %" in capsys.readouterr().out


def test_what_a_run_prints_and_keeps(capsys):
    assert train("--seed", "3") == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].startswith("tinydl ") and "1 thread (" in lines[0] and "seed 3" in lines[0]
    assert lines[1:3] == ["data   small.npz: 42 training, 6 validation and 12 test images of 1x8x8, 3",
                          "       classes"]
    assert lines[3].startswith("model  digits_cnn: ") and lines[3].endswith(" parameters")
    assert lines[4:7] == ["train  2 epochs of 3 batches of 16, adam, lr 0.05, schedule onecycle, weight",
                          "       decay 0.0005", "run    runs/small-digits_cnn"]
    assert [line.split()[0] for line in lines[7:10]] == ["epoch", "1/2", "2/2"]
    written = lines.index("written to runs/small-digits_cnn:")
    assert lines[written - 1].startswith("test accuracy ") and lines[written - 1].endswith(" s of training")
    assert lines[written + 1].startswith("       weights.safetensors, history.csv, config.json, result.json")
    assert all(len(line) <= 80 for line in lines)
    config = json.loads(content("runs/small-digits_cnn/config.json"))
    assert (config["seed"], config["epochs"], config["image_shape"], config["n_train"]) == (3, 2, [1, 8, 8], 48)
    tensors, metadata = read_tensors("runs/small-digits_cnn/weights.safetensors")
    assert "0.weight" in tensors
    assert metadata["format"] == "pt"
    assert os.listdir("runs/small-digits_cnn").count("history.csv") == 1
    assert not [name for name in os.listdir("runs/small-digits_cnn") if name.endswith(".tmp")]


def test_a_run_folder_is_never_used_again(capsys):
    for number in ("", "-2", "-3"):
        assert train() == 0
        assert os.path.isdir(f"runs/small-digits_cnn{number}")
    before = content("runs/small-digits_cnn/config.json")
    capsys.readouterr()
    refused(capsys, ["train", "--data", "small.npz", "--out", "runs/small-digits_cnn"], "exists and is not empty",
            "--resume runs/small-digits_cnn")
    assert content("runs/small-digits_cnn/config.json") == before


def test_out_may_be_new_nested_or_empty():
    assert train("--out", "a/b/c") == 0
    os.makedirs("empty")
    assert train("--out", "empty") == 0
    assert "weights.safetensors" in os.listdir("empty")


@pytest.mark.parametrize("optimizer", optim.BY_NAME)
def test_optimizers(optimizer):
    assert train("--optimizer", optimizer, "--lr", "0.01") == 0


@pytest.mark.parametrize("schedule", ["onecycle", "cosine", "step", "none"])
def test_schedules(schedule):
    assert train("--schedule", schedule, "--weight-decay", "0") == 0


def test_same_seed_same_weights_and_another_seed_others():
    for out, seed, threads in (("a", "1", "1"), ("b", "1", "2"), ("c", "2", "1")):
        assert train("--out", out, "--seed", seed, "--threads", threads) == 0
    a, b, c = (read_tensors(f"{out}/weights.safetensors")[0] for out in "abc")
    assert all(np.array_equal(a[k], b[k]) for k in a)
    assert not all(np.array_equal(a[k], c[k]) for k in a)


def test_colour_images_and_another_number_of_classes(pictures):
    rng = np.random.default_rng(0)
    np.savez("colour.npz", x=rng.integers(0, 256, (50, 12, 12, 3), dtype=np.uint8), y=np.arange(50) % 5)
    assert train("--model", "vgg_small", "--out", "r", data="colour.npz") == 0
    assert read_tensors("r/weights.safetensors")[0]["0.weight"].shape == (32, 3, 3, 3)


# --- interruption and resume ---------------------------------------------------------------------------------------

WITHOUT_PICTURES = """
import sys
from tinydl import cli
cli.pictures.make = lambda *args: []
sys.exit(cli.main(sys.argv[1:]))
"""


def start(*args, kill_at=None, number=signal.SIGINT):
    """Train in a process of its own, signalled when the history reaches some epoch; (exit code, standard error)."""
    process = subprocess.Popen([sys.executable, "-c", WITHOUT_PICTURES, "train", *args], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True,
                               # A shell may have started the tests with SIGINT ignored, which children inherit.
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    for line in process.stdout:
        if kill_at is not None and line.lstrip().startswith(f"{kill_at}/"):
            process.send_signal(number)
            kill_at = None
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143),
                                              (signal.SIGKILL, -signal.SIGKILL)])
def test_a_stopped_run_is_resumed_to_the_same_bits(number, code):
    flags = ("--data", small_npz(n=600), "--epochs", "6", "--batch-size", "16", "--threads", "1")
    assert start(*flags, "--out", "whole") == (0, "")
    got, errors = start(*flags, "--out", "part", kill_at=2, number=number)
    assert got == code, errors
    if code > 0:
        assert "continue with: tinydl train --resume part" in errors
        assert errors.count("\n") == 1
    state = load_checkpoint("part/checkpoint.safetensors")
    assert 2 <= state["epoch"] < 6  # an epoch's line is printed when its checkpoint is written
    assert "weights.safetensors" not in os.listdir("part")
    assert cli.main(["eval", "part"]) == 0  # the checkpoint serves until the run is done
    got, errors = start("--resume", "part", "--threads", "2")
    assert (got, errors) == (0, "")
    whole, part = (read_tensors(f"{d}/weights.safetensors")[0] for d in ("whole", "part"))
    assert whole.keys() == part.keys()
    assert all(np.array_equal(whole[k], part[k]) for k in whole)
    times = ("seconds", "images_per_s")
    whole, part = ([{k: v for k, v in row.items() if k not in times} for row in history(d)] for d in ("whole", "part"))
    assert whole == part


def test_resume_before_the_first_checkpoint_starts_anew(capsys):
    assert train("--out", "a") == 0
    assert train("--out", "b") == 0
    for name in os.listdir("b"):
        if name != "config.json":
            os.unlink(f"b/{name}")
    assert cli.main(["train", "--resume", "b"]) == 0
    assert "no checkpoint yet, starting from the beginning" in capsys.readouterr().out
    a, b = (read_tensors(f"{d}/weights.safetensors")[0] for d in "ab")
    assert all(np.array_equal(a[k], b[k]) for k in a)


def test_resume_of_a_finished_run(capsys):
    assert train("--out", "a") == 0
    before = content("a/weights.safetensors", "rb")
    capsys.readouterr()
    assert cli.main(["train", "--resume", "a"]) == 0
    assert "all 2 epochs are done already" in capsys.readouterr().out
    assert content("a/weights.safetensors", "rb") == before


def test_a_damaged_checkpoint_gives_way_to_the_one_before(capsys):
    assert train("--out", "a") == 0
    assert train("--out", "b") == 0
    with open("b/checkpoint.safetensors", "r+b") as file:
        file.truncate(1000)
    assert cli.main(["train", "--resume", "b"]) == 0
    assert "continuing from the checkpoint before it, after epoch 1" in capsys.readouterr().out
    a, b = (read_tensors(f"{d}/weights.safetensors")[0] for d in "ab")
    assert all(np.array_equal(a[k], b[k]) for k in a)
    os.unlink("b/checkpoint.previous.safetensors")
    with open("b/checkpoint.safetensors", "r+b") as file:
        file.truncate(1000)
    refused(capsys, ["train", "--resume", "b"], "checkpoint.safetensors", "not a whole safetensors file")


def test_resume_refuses_other_settings_and_other_data(capsys):
    assert train("--out", "a") == 0
    capsys.readouterr()
    refused(capsys, ["train", "--resume", "a", "--batch-size", "9", "--lr", "1"], "leave out --batch-size, --lr")
    refused(capsys, ["train", "--resume", "none"], "none: no such run folder")
    small_npz(seed=1)
    refused(capsys, ["train", "--resume", "a"], "not the data that a was begun with")


def test_a_missing_checkpoint_gives_way_to_the_one_before(capsys):
    assert train("--out", "a") == 0
    assert train("--out", "b") == 0
    os.unlink("b/checkpoint.safetensors")
    os.unlink("b/weights.safetensors")
    capsys.readouterr()
    assert cli.main(["eval", "b"]) == 0
    assert "the run is not finished; these are the weights of the checkpoint before" in capsys.readouterr().err
    assert cli.main(["train", "--resume", "b"]) == 0
    assert "continuing from the checkpoint before it, after epoch 1" in capsys.readouterr().out
    a, b = (read_tensors(f"{d}/weights.safetensors")[0] for d in "ab")
    assert all(np.array_equal(a[k], b[k]) for k in a)


def spoil(path, how):
    """Put something in the place of a file that is no such file."""
    if os.path.lexists(path):
        os.unlink(path)
    if how == "pipe":
        os.mkfifo(path)
    elif how == "folder":
        os.mkdir(path)
    elif how == "loop":
        os.symlink(os.path.basename(path), path)
    elif how == "device":
        os.symlink("/dev/zero", path)
    elif how == "broken link":
        os.symlink("none", path)
    else:
        with open(path, "wb") as file:
            file.write({"empty": b"", "foreign": b"hello, this is no such file", "zeros": bytes(10000)}[how])


KINDS = ["pipe", "folder", "loop", "broken link", "empty", "foreign", "zeros"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("finished")
    os.chdir(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli.pictures, "make", lambda *args: [])
        assert train("--out", "a") == 0
    return folder


@pytest.fixture
def copied(finished, elsewhere):
    """A copy of it in this test's folder."""
    shutil.copytree(finished / "a", "a")
    return "a"


@pytest.mark.parametrize("how", [*KINDS, "device"])  # which is read only: these tests may run as root
def test_what_is_no_config(copied, capsys, how):
    spoil("a/config.json", how)
    for command in (["train", "--resume", "a"], ["eval", "a"], ["predict", "a", "x.npy"]):
        refused(capsys, command, "a")
    assert ".lock" not in os.listdir("a")


@pytest.mark.parametrize("how", KINDS)
def test_what_are_no_weights_gives_way_to_the_checkpoint(copied, capsys, how):
    before = read_tensors("a/weights.safetensors")[0]
    spoil("a/weights.safetensors", how)
    assert cli.main(["eval", "a"]) == 0
    error = capsys.readouterr().err
    assert error.startswith("tinydl: a/weights.safetensors: ") and error.count("\n") == 1
    assert error.endswith("; these are the weights of its checkpoint\n")
    if how in ("pipe", "folder"):
        before = os.stat("a/checkpoint.safetensors").st_mtime_ns
        refused(capsys, ["train", "--resume", "a"], "a/weights.safetensors: ", "remove what is no file")
        assert os.stat("a/checkpoint.safetensors").st_mtime_ns == before and ".lock" not in os.listdir("a")
        assert os.path.lexists("a/weights.safetensors") and not os.path.isfile("a/weights.safetensors")
    else:
        assert cli.main(["train", "--resume", "a"]) == 0  # writes them anew
        after = read_tensors("a/weights.safetensors")[0]
        assert all(np.array_equal(before[k], after[k]) for k in before)


@pytest.mark.parametrize("how", KINDS)
def test_what_is_no_checkpoint_gives_way_to_the_one_before_and_then_to_an_error(copied, capsys, how):
    before = read_tensors("a/weights.safetensors")[0]
    os.unlink("a/weights.safetensors")
    spoil("a/checkpoint.safetensors", how)
    assert cli.main(["eval", "a"]) == 0
    assert "these are the weights of the checkpoint before" in capsys.readouterr().err
    if how not in ("pipe", "folder"):  # which no checkpoint takes the place of
        shutil.copytree("a", "b", symlinks=True, copy_function=lambda *paths: os.link(*paths, follow_symlinks=False))
        assert cli.main(["train", "--resume", "b"]) == 0
        assert "continuing from the checkpoint before it, after epoch 1" in capsys.readouterr().out
        after = read_tensors("b/weights.safetensors")[0]
        assert all(np.array_equal(before[k], after[k]) for k in before)
    spoil("a/checkpoint.previous.safetensors", how)
    for command in (["train", "--resume", "a"], ["eval", "a"]):
        refused(capsys, command, "a/checkpoint.safetensors: ", "a/checkpoint.previous.safetensors: ")
    (os.rmdir if how == "folder" else os.unlink)("a/checkpoint.safetensors")
    refused(capsys, ["train", "--resume", "a"], "a/checkpoint.previous.safetensors: ")


@pytest.mark.parametrize("how", ["pipe", "loop", "device", "broken link", "empty"])
def test_what_is_no_run_folder(capsys, how):
    small_npz()
    spoil("a", how)
    for command in (["train", "--resume", "a"], ["eval", "a"], ["predict", "a", "x.npy"]):
        refused(capsys, command, "a: no such run folder")
    if how != "broken link":
        refused(capsys, ["train", "--data", "small.npz", "--out", "a"], "a: cannot be the run folder")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"data": 3}', "\xff", "[" * 100000])
def test_damaged_config(capsys, text):
    os.makedirs("a")
    with open("a/config.json", "w", encoding="latin-1") as file:
        file.write(text)
    for command in (["train", "--resume", "a"], ["eval", "a"], ["predict", "a", "x.npy"]):
        refused(capsys, command, "config.json")


@pytest.mark.parametrize(("key", "value"), [("epochs", "2"), ("epochs", True), ("optimizer", "x"), ("image_shape", 3),
                                            ("image_shape", ["a", 1, 1]), ("seed", -1), ("model", "none"), ("lr", None),
                                            ("lr", math.nan), ("epochs", 10**400), ("epochs", 0), ("scale", math.inf),
                                            ("std", [0.0]), ("class_names", []), ("data", "nothing")])
def test_changed_config(capsys, key, value):
    assert train("--out", "a") == 0
    config = json.loads(content("a/config.json"))
    config[key] = value
    with open("a/config.json", "w") as file:
        json.dump(config, file)
    capsys.readouterr()
    if key == "std":
        np.save("x.npy", np.zeros((8, 8), np.uint8))
        refused(capsys, ["predict", "a", "x.npy"], "std positive")
    else:
        refused(capsys, ["train", "--resume", "a"])


# --- two processes -------------------------------------------------------------------------------------------------

SLOW = """
import sys, time
import tinydl as td
from tinydl import cli
from tinydl.train.loop import Loop
step = Loop.batch
def slow(self, *args):
    time.sleep(0.05)
    return step(self, *args)
Loop.batch = slow
cli.pictures.make = lambda *args: []
sys.exit(cli.main(sys.argv[1:]))
"""


def slow_run(*args):
    """A process whose training takes its time; returned when it has begun."""
    process = subprocess.Popen([sys.executable, "-c", SLOW, "train", *args], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("epoch "):
            return process
    raise AssertionError(process.communicate())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_folder_has_one_trainer(capsys, number):
    flags = ["--data", small_npz(), "--epochs", "40", "--batch-size", "16", "--threads", "1", "--out", "a"]
    process = slow_run(*flags)
    for name in (".history.csv.0123abcd.tmp", "notes.tmp"):
        with open(f"a/{name}", "w"):
            pass
    line = refused(capsys, ["train", "--resume", "a"], "a is in use: process", "trains there; wait for its end")
    assert f"process {process.pid} " in line
    refused(capsys, ["train", *flags], "a exists and is not empty")
    assert {".history.csv.0123abcd.tmp", "notes.tmp", ".lock"} <= set(os.listdir("a"))
    assert cli.main(["eval", "a"]) == 0  # reading is free
    process.send_signal(number)
    process.communicate(timeout=60)
    assert cli.main(["train", "--resume", "a"]) == 0
    assert "notes.tmp" in os.listdir("a")
    assert not {".history.csv.0123abcd.tmp", ".lock"} & set(os.listdir("a"))


def test_one_of_two_that_begin_in_one_folder_at_once():
    small_npz()
    flags = ["train", "--data", "small.npz", "--epochs", "2", "--batch-size", "16", "--threads", "1", "--out", "a"]
    started = [subprocess.Popen([sys.executable, "-c", SLOW, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True) for _ in range(3)]
    results = [(*process.communicate(timeout=120), process.returncode) for process in started]
    assert sorted(code for _, _, code in results) == [0, 2, 2]
    for _, error, code in results:
        assert code == 0 or "a is in use: " in error or "a exists and is not empty" in error
    assert len(history("a")) == 2


def test_a_folder_that_cannot_be_locked(copied, capsys):
    os.mkfifo("a/.lock")
    refused(capsys, ["train", "--resume", "a"], "a: cannot be locked for this run (is not a file)")


# --- stopped early and late ----------------------------------------------------------------------------------------

WAITS = """
import sys, time
import tinydl as td
from tinydl import cli, data
def wait(*args, **kwargs):
    print("waiting", flush=True)
    time.sleep(60)
{where} = wait
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("number", "code", "name"), [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "SIGINT")])
@pytest.mark.parametrize(("where", "words"), [
    ("data.load", None),
    ("cli.fitting.fit", "continue with: tinydl train --resume a"),
    ("cli.pictures.make", "continue with: tinydl train --resume a"),
])
def test_stopped_before_and_after_the_batches(number, code, name, where, words):
    small_npz()
    flags = ["train", "--data", "small.npz", "--epochs", "1", "--out", "a"]
    process = subprocess.Popen([sys.executable, "-c", WAITS.format(where=where), *flags], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    for line in process.stdout:
        if line == "waiting\n":
            process.send_signal(number)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    early = "interrupted" if number == signal.SIGINT else "stopped by SIGTERM"
    assert errors == f"tinydl: {f'stopped by {name}; {words}' if words else early}\n"
    assert not os.path.exists("a/.lock")


# --- training that fails -------------------------------------------------------------------------------------------

def test_a_recipe_and_what_is_said_otherwise(capsys):
    """What trains airbench on CIFAR-10, on a few pictures of another data set."""
    rng = np.random.default_rng(0)
    np.savez("colour.npz", x=rng.integers(0, 256, (48, 3, 16, 16), np.uint8), y=np.arange(48) % 2)
    assert cli.main(["train", "--data", "colour.npz", "--recipe", "airbench", "--batch-size", "16", "--epochs", "2",
                     "--threads", "1", "--out", "a"]) == 0
    out = capsys.readouterr().out
    assert "2 epochs of 2 batches of 16, muon, lr 0.24, schedule linear, weight decay\n       2e-06\n" in out
    config = json.loads(content("a/config.json"))
    assert config["recipe"] == "airbench" and config["drop_last"] and config["augment"]["padding"] == "reflect"
    assert [row["lr"] for row in history("a")] == ["0.24", "0.12"]
    accuracy = next(line for line in out.splitlines() if line.startswith("test accuracy"))
    assert cli.main(["eval", "a"]) == 0  # over the same six views, by the same loss
    told = capsys.readouterr().out.splitlines()[0].split("accuracy ")[1].split(",")
    assert accuracy.startswith(f"test accuracy {told[0]}") and told[1].strip() in accuracy


def test_small_data_learn_with_all_defaults():
    assert cli.main(["train", "--data", small_npz(), "--threads", "1", "--out", "a"]) == 0
    rows = history("a")
    assert len(rows) == 34  # 9 steps an epoch: 300 at least
    assert float(rows[-1]["val_accuracy"]) >= 11 / 12


def test_a_recipe_that_is_not_there_or_does_not_fit(capsys):
    refused(capsys, ["train", "--recipe", "airbench94"], "unknown recipe 'airbench94'; did you mean airbench")
    refused(capsys, ["train", "--data", small_npz(), "--recipe", "airbench", "--model", "mlp"],
            "mlp has other parts; leave out --model or --recipe")
    refused(capsys, ["train", "--recipe", "resnet20", "--data-dir", "nowhere"], "CIFAR-10")


def test_a_training_that_diverges_is_said_and_fails(capsys):
    refused(capsys, ["train", "--data", small_npz(), "--optimizer", "sgd", "--lr", "100", "--epochs", "4",
                     "--threads", "1", "--out", "new/a"], "not finite", "; nothing of it is kept", code=1)
    assert not os.path.exists("new")


@pytest.mark.parametrize(("losses", "words"), [
    ((0.1, math.nan), "the loss on the test images is nan"),
    ((0.1, math.inf), "the loss on the test images is inf"),
    ((4.38e15, 1.0), "the loss of the last epoch is 4.38e+15, where guessing has 1.099"),
    ((11.0, 1.0), "the loss of the last epoch is 11"),
    ((10.9, 1e9), None),
])
def test_what_counts_as_divergence(capsys, monkeypatch, losses, words):
    from tinydl.train import Trainer

    real, good = Trainer.fit, td.train.evaluate

    def fit(trainer, *args, **kwargs):
        real(trainer, *args, **kwargs)["loss"][-1] = losses[0]

    monkeypatch.setattr(Trainer, "fit", fit)
    monkeypatch.setattr(td.train, "evaluate", lambda *args: {"loss": losses[1], "accuracy": 0.5})
    flags = ["train", "--data", small_npz(), "--epochs", "1", "--lr", "0.05", "--threads", "1", "--out", "a"]
    if words is None:
        assert cli.main(flags) == 0
    else:
        refused(capsys, flags, "the training diverged: " + words, "use a smaller --lr than 0.05",
                "a keeps what came before", code=1)
        assert "history.csv" in os.listdir("a")
        assert cli.main(["compare", "a"]) == 0 and "failed" in capsys.readouterr().out
        monkeypatch.setattr(Trainer, "fit", real)
        monkeypatch.setattr(td.train, "evaluate", good)
        assert cli.main(flags) == 0
    assert "weights.safetensors" in os.listdir("a")


def test_warnings_are_lines(capsys):
    image = pytest.importorskip("PIL.Image")
    for k in range(40):
        os.makedirs(f"shapes/{k % 2}", exist_ok=True)
        image.fromarray(np.full((8, 8), 100 * (k % 2) + k, np.uint8)).save(f"shapes/{k % 2}/{k}.png")
    with open("shapes/0/0.png", "w") as file:
        file.write("hello")
    refused(capsys, ["train", "--data", "shapes"], "shapes/0/0.png: not a picture", "--skip-damaged")
    assert train("--skip-damaged", data="shapes") == 0
    error = capsys.readouterr().err
    assert error.startswith("tinydl: warning: 1 damaged pictures are left out: ") and error.count("\n") == 1


# --- what the user can put right -----------------------------------------------------------------------------------

@pytest.mark.parametrize(("flags", "parts"), [
    (["--epochs", "0"], ["--epochs", "0 is not a whole number from 1"]),
    (["--epochs", "two"], ["--epochs", "'two' is not a whole number"]),
    (["--batch-size", "-4"], ["--batch-size", "-4"]),
    (["--lr", "0"], ["--lr", "not a positive number"]),
    (["--lr", "nan"], ["--lr", "nan"]),
    (["--lr", "inf"], ["--lr", "inf"]),
    (["--weight-decay", "-1"], ["--weight-decay", "not a number from 0 on"]),
    (["--seed", "-1"], ["--seed", "-1"]),
    (["--seed", "99999999999"], ["--seed"]),
    (["--threads", "0"], ["--threads", "0 threads"]),
    (["--threads", "5000"], ["--threads", "5000"]),
    (["--optimizer", "adm"], ["unknown optimizer 'adm'", f"choose {', '.join(optim.BY_NAME)}"]),
    (["--schedule", "x"], ["unknown schedule 'x'"]),
    (["--model", "lenet"], ["unknown model 'lenet'", "did you mean lenet5?"]),
    (["--model", "lenet5"], ["lenet5 does not take images of 1x8x8"]),
    (["--data", "imagenet"], ["unknown data 'imagenet'", "digits, mnist, kmnist,", "FILE.npz, FILE.csv, DIR"]),
    (["--data", "none.npz"], ["none.npz", "No such file"]),
    (["--data", "mnist"], ["cache/tinydl", "--download", "--data-dir"]),
    (["--data", "cifar10", "--data-dir", "/nowhere"], ["/nowhere", "CIFAR-10"]),
    (["--download"], ["--download fetches mnist, kmnist, fashion-mnist,", "speech-commands-12, not digits"]),
    (["--frobnicate"], ["unrecognized arguments: --frobnicate", "(see tinydl train --help)"]),
    (["--epochs"], ["--epochs: expected one argument"]),
])
def test_bad_flags(capsys, flags, parts):
    refused(capsys, ["train", *flags], *parts)
    assert not os.path.exists("runs")  # no folder is left behind


@pytest.mark.parametrize(("arrays", "part"), [
    ({"x": np.zeros((20, 8, 8), np.uint8)}, "needs arrays x and y"),
    ({"x": np.zeros((20, 8, 8), np.uint8), "y": np.arange(19)}, "20 images but 19 labels"),
    ({"x": np.zeros((20, 8, 8), np.uint8), "y": np.arange(20) - 1}, "label -1 of image 0"),
    ({"x": np.zeros((20, 8, 8), np.uint8), "y": np.zeros(20)}, "integer class numbers"),
    ({"x": np.array([None] * 20), "y": np.arange(20)}, "Python objects"),
    ({"x": np.zeros((20, 5, 1, 1, 1), np.uint8), "y": np.arange(20) % 2}, "x must hold images of shape"),
    ({"x": np.zeros((20, 8, 8), np.uint8), "y": np.ones(20, int)}, "all 20 labels are 1"),
    ({"x_train": np.zeros((9, 8, 8)), "y_train": np.arange(9) % 3, "x_test": np.zeros((3, 8, 8)),
      "y_test": np.array([0, 3, 1])}, "label 3 of image 1 is not among the classes 0, 1, 2"),
])
def test_bad_npz(capsys, arrays, part):
    np.savez("bad.npz", **arrays)
    refused(capsys, ["train", "--data", "bad.npz"], "bad.npz", part)
    assert not os.path.exists("runs")


def test_truncated_and_foreign_data(capsys):
    whole = content(small_npz(), "rb")
    for damaged in (b"", b"hello", whole[:200], whole[:-30]):
        with open("small.npz", "wb") as file:
            file.write(damaged)
        refused(capsys, ["train", "--data", "small.npz"], "small.npz")


def test_folders_that_cannot_be_made(capsys):
    small_npz()
    with open("file", "w"):
        pass
    refused(capsys, ["train", "--data", "small.npz", "--out", "file"], "file")
    refused(capsys, ["train", "--data", "small.npz", "--out", "file/x"], "file/x")


def test_divergence_is_one_line_and_exit_code_1(capsys):
    data = small_npz(n=300)
    line = refused(capsys, ["train", "--data", data, "--lr", "1e30", "--schedule", "none", "--epochs", "5"],
                   "the loss is", "batch", code=1)
    assert "epoch" in line


def test_disk_full_is_one_line_and_exit_code_1(capsys, monkeypatch):
    small_npz()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refused(capsys, ["train", "--data", "small.npz"], "No space left on device", code=1)
    assert os.listdir() == ["small.npz"]


def test_a_last_batch_of_one_and_drop_last(capsys):
    # 33 training images in batches of 16: the last batch has one image.
    rng = np.random.default_rng(0)
    np.savez("odd.npz", x_train=rng.random((33, 8, 8)), y_train=np.arange(33) % 3, x_test=rng.random((9, 8, 8)),
             y_test=np.arange(9) % 3)
    assert train("--drop-last", data="odd.npz") == 0


# --- eval, predict, summary, info ----------------------------------------------------------------------------------

@pytest.fixture
def run(capsys):
    assert train("--epochs", "8", "--out", "run") == 0
    capsys.readouterr()
    return "run"


def test_eval_and_predict_agree_with_the_training(run, capsys):
    rows = history("run")
    assert cli.main(["eval", run]) == 0
    assert f"accuracy {100 * float(rows[-1]['val_accuracy']):.2f} %" in capsys.readouterr().out
    assert float(rows[-1]["val_accuracy"]) == 1
    assert cli.main(["predict", run, "small.npz"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == [f"small.npz[{i}]" for i in range(60)]
    assert [line[1] for line in lines] == [str(i % 3) for i in range(60)]
    assert all(0 <= float(line[2]) <= 100 for line in lines)


def test_predict_takes_arrays_pictures_and_idx_and_gives_the_same(run, capsys):
    image = pytest.importorskip("PIL.Image")
    picture = np.load("small.npz")["x"][4]
    image.fromarray(picture).save("a.png")
    image.fromarray(np.stack([picture] * 3, axis=-1)).save("colour.png")
    np.save("a.npy", picture)
    np.save("b.npy", picture[None])
    np.save("float.npy", picture / 255)  # floats are taken to be in 0..1
    with open("a-idx3-ubyte", "wb") as file:
        file.write(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 8]) + picture.tobytes())
    names = ["a.png", "colour.png", "a.npy", "b.npy", "float.npy", "a-idx3-ubyte"]
    assert cli.main(["predict", run, *names]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == names
    assert {tuple(line[1:]) for line in lines} == {("1", lines[0][2])}


def test_predict_refuses_what_does_not_fit(run, capsys):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.zeros((9, 10), np.uint8)).save("wrong.png")
    np.save("wrong.npy", np.zeros((2, 1, 9, 8), np.uint8))
    np.save("nan.npy", np.full((8, 8), np.nan))
    np.savez("no.npz", z=np.zeros(3))
    np.save("object.npy", np.array([{}], dtype=object), allow_pickle=True)
    with open("text.png", "w") as file:
        file.write("hello")
    np.save("good.npy", np.zeros((8, 8), np.uint8))
    for name, part in {"wrong.png": "10x9 pixels", "wrong.npy": "1x9x8", "nan.npy": "nan", "no.npz": "it holds z",
                       "object.npy": "Python objects", "text.png": "not a picture", "none.png": "no such file"}.items():
        refused(capsys, ["predict", run, "good.npy", name], name, part, code=1)
        refused(capsys, ["predict", run, name], name, part)


def test_predict_warns_of_an_inverted_picture(run, capsys):
    image = pytest.importorskip("PIL.Image")
    # The training images are dark with one bright row.
    picture = np.load("small.npz")["x"][4]
    image.fromarray(picture).save("a.png")
    image.fromarray(255 - picture).save("b.png")
    assert cli.main(["predict", run, "a.png", "b.png"]) == 0
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("tinydl: warning: b.png: its mean brightness is 8")
    assert errors[0].endswith("is it inverted? (--invert turns dark into bright)")


def test_predict_with_weights_that_are_damaged_or_missing(run, capsys):
    np.save("a.npy", np.zeros((8, 8), np.uint8))
    assert cli.main(["predict", run, "a.npy"]) == 0
    good = capsys.readouterr().out
    for name, what in (("weights", "its checkpoint"), ("checkpoint", "the checkpoint before"),
                       ("checkpoint.previous", None)):
        path = f"run/{name}.safetensors"
        whole = content(path, "rb")
        with open(path, "wb") as file:
            file.write(whole[:-1])
        if what is None:
            refused(capsys, ["predict", run, "a.npy"], "run/weights.safetensors: ", "run/checkpoint.safetensors: ",
                    "run/checkpoint.previous.safetensors: ")
            continue
        assert cli.main(["predict", run, "a.npy"]) == 0
        captured = capsys.readouterr()
        assert captured.err.startswith("tinydl: run/weights.safetensors: not a whole safetensors file")
        assert captured.err.endswith(f"these are the weights of {what}\n")
        assert name != "weights" or captured.out == good  # the last checkpoint has the same
    for name in ("weights", "checkpoint", "checkpoint.previous"):
        os.unlink(f"run/{name}.safetensors")
    refused(capsys, ["eval", run], "no weights there yet")


def test_predict_with_weights_of_another_net(run, capsys):
    from tinydl.train import save_weights

    np.save("a.npy", np.zeros((8, 8), np.uint8))
    for name in ("weights", "checkpoint", "checkpoint.previous"):
        save_weights(f"run/{name}.safetensors", td.models.lenet5())
    refused(capsys, ["predict", run, "a.npy"], "run/weights.safetensors: the state does not fit Sequential")


def test_predict_into_a_closed_pipe(run):
    command = f"{sys.executable} -m tinydl predict run small.npz 2>err | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("small.npz[0]\t0\t")
    assert content("err") == ""


@pytest.mark.parametrize(("name", "count"), [("lenet5", "61,706"), ("resnet20", "272,474"), ("mlp", "203,530")])
def test_summary(capsys, name, count):
    assert cli.main(["summary", name]) == 0
    assert count in capsys.readouterr().out


@pytest.mark.parametrize(("name", "shape", "total"), [("lenet5", "3x32x32", "886,440"),
                                                      ("resnet20", "1x28x28", "31,021,952")])
def test_summary_of_another_input_shape(capsys, name, shape, total):
    assert cli.main(["summary", name, "--input-shape", shape]) == 0
    assert f" {total} multiply-adds" in capsys.readouterr().out


def test_summary_errors(capsys):
    refused(capsys, ["summary", "resnet2"], "did you mean resnet20?")
    refused(capsys, ["summary", "lenet5", "--input-shape", "3y"], "'3y' is not of the form 3x32x32")


def test_info(capsys):
    assert cli.main(["info"]) == 0
    out = capsys.readouterr().out
    for word in ("tinydl", "isa_level", "threads", "cpu_affinity"):
        assert word in out


def test_help_and_version_and_nothing(capsys):
    for argv in (["--help"], ["train", "--help"], ["eval", "--help"], ["predict", "--help"], ["summary", "--help"],
                 ["--version"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(argv)
        assert stop.value.code == 0
        assert all(len(line) <= 120 for line in capsys.readouterr().out.splitlines())
    assert cli.main([]) == 2
    assert "commands:" in capsys.readouterr().err
    refused(capsys, ["frob"], "invalid choice: 'frob'; choose train, eval")
    refused(capsys, ["trian"], "did you mean train")


# --- real data, downloads ------------------------------------------------------------------------------------------

def test_download_from_a_mirror_then_train(elsewhere, monkeypatch, capsys):
    import http.server
    from functools import partial
    from pathlib import Path

    shared = Path(os.environ.get("TINYDL_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (shared / "mnist").is_dir():
        pytest.skip(f"no mnist/ in {shared}")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(shared))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("TINYDL_MIRROR", f"http://127.0.0.1:{server.server_address[1]}")
        # The files come, are read, and then the model refuses their size: no need to train.
        refused(capsys, ["train", "--data", "mnist", "--download", "--model", "m5"], "does not take images of 1x28x28")
        refused(capsys, ["train", "--data", "fashion-mnist", "--download"], "HTTP 404")
        server.shutdown()
    assert sorted(os.listdir(elsewhere / "cache" / "tinydl" / "mnist")) == sorted(os.listdir(shared / "mnist"))
