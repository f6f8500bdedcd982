"""Settings of a run: flags, files, and which go before which."""

import json

import numpy as np
import pytest

from tinydl import cli
from tinydl.cli import settings
from tinydl.cli.entry import command_line_parser
from tinydl.data import ArrayDataset
from tinydl.train.tensorfile import read_tensors


@pytest.fixture
def data(elsewhere):
    rng = np.random.default_rng(0)
    np.savez("a.npz", x=rng.random((80, 8, 8)), y=np.repeat([0, 0, 0, 1], 20), class_names=["many", "few"])
    return elsewhere


def parsed(*argv):
    return command_line_parser().parse_args(["train", *argv])


def train(*argv):
    return cli.main(["train", "--threads", "1", "--quiet", *argv])


def config(folder):
    with open(f"{folder}/config.json") as file:
        return json.load(file)


def test_flags_go_before_the_file(data):
    (data / "run.toml").write_text('data = "a.npz"\nepochs = 2\nbatch-size = 8\nlr = 0.5\naugment = {shift = 1}\n'
                                   'optimizer = "sgd"\nmomentum = 0.5\nshape = [1, 8, 8]\n')
    assert train("--config", "run.toml", "--lr", "0.001", "--out", "r") == 0
    told = config("r")
    assert (told["epochs"], told["batch_size"], told["lr"], told["momentum"]) == (2, 8, 0.001, 0.5)
    assert told["augment"] == {"shift": 1, "mirror": False} and told["read"] == {"shape": [1, 8, 8]}


def test_a_runs_config_makes_the_same_run(data):
    flags = ["--epochs", "2", "--class-weights", "balanced", "--label-smoothing", "0.1", "--seed", "3", "--batch-size",
             "16", "--drop-last", "--augment", "shift=1,mirror,rotate=9,noise=0.1,cutmix=1"]
    assert train("--data", "a.npz", *flags, "--out", "r") == 0
    assert train("--config", "r/config.json", "--out", "again") == 0
    assert config("again") == config("r")
    first, second = (read_tensors(f"{name}/weights.safetensors")[0] for name in ("r", "again"))
    assert all(np.array_equal(first[key], second[key]) for key in first)


def test_balanced_weights_by_hand(data):
    """48 and 16 training images of 64: 64 / (2 * 48) and 64 / (2 * 16)."""
    assert train("--data", "a.npz", "--epochs", "1", "--class-weights", "balanced", "--out", "r") == 0
    assert config("r")["loss"]["weight"] == [pytest.approx(2 / 3), 2.0]


@pytest.mark.parametrize(("text", "message"), [
    ("epoch = 3", "unknown setting 'epoch'; did you mean epochs?"),
    ("epochs = 0", "epochs: 0 is not a whole number from 1"),
    ("epochs = true", "epochs: True is no value for it"),
    ("epochs = ", "cannot be read"),
    ("drop_last = 1", "drop_last is 1, not true or false"),
    ("loss = 3", "loss is 3, not a table"),
    ("read = 3", "read is 3, not a table"),
    ("resume = 'a'", "unknown setting 'resume'"),
])
def test_files_that_cannot_be(data, text, message):
    (data / "run.toml").write_text(text)
    with pytest.raises((ValueError, settings.UserError), match=r"run\.toml") as caught:
        settings.from_file(parsed("--config", "run.toml"))
    assert message in str(caught.value)


@pytest.mark.parametrize(("flags", "message"), [
    (["--class-weights", "1,2,3"], "--class-weights has 3 numbers, the data have 2 classes: many, few"),
    (["--class-weights", "0,0"], "--class-weights are all 0: nothing would be learned"),
    (["--early-stopping", "2", "--val-split", "0"], "--early-stopping needs validation images"),
    (["--optimizer", "adam", "--momentum", "0.5"], "adam has no momentum; leave out --momentum, or choose"),
    (["--size", "8x8"], "size is not for such data, which takes shape, task"),
    (["--task", "labels"], "rows (N, K) of 0 and 1"),
    (["--config", "none.toml"], "none.toml: No such file"),
])
def test_settings_that_do_not_fit(data, capsys, flags, message):
    assert train("--data", "a.npz", *flags) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in data.iterdir()) == ["a.npz"]


@pytest.mark.parametrize(("labels", "share"), [
    (np.arange(40) % 2, 0.1), (np.repeat([0, 0, 0, 1], 3), 0.1), (np.arange(8) % 2, 0.25), (np.arange(4), 0.0),
    (np.linspace(0, 1, 40)[:, None], 0.1), (np.linspace(0, 1, 4)[:, None], 0.25),
])
def test_few_images_are_validated_on_one_of_every_class(labels, share):
    assert settings._validated(ArrayDataset(np.zeros((len(labels), 2)), labels)) == share


def test_a_number_0_was_given():
    assert settings.unset(None) and settings.unset(False)
    assert not settings.unset(0) and not settings.unset(0.0) and not settings.unset([])


def test_every_flag_of_a_new_run_is_known():
    """Those that are left belong to any run."""
    flags = {action.dest for action in command_line_parser().commands["train"]._actions}
    assert flags - set(settings.FLAGS) == {"help", "threads", "json", "quiet", "data_dir", "resume"}
