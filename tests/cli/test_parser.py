"""The flags of the command line: what they become, and what --help says of the tables behind them."""

import pytest

from tinydl import optim
from tinydl.cli import parser as values
from tinydl.cli.entry import command_line_parser
from tinydl.cli.train import DEFAULT_DATA
from tinydl.data import registry


@pytest.fixture(scope="module")
def parser():
    return command_line_parser()


def test_values(parser):
    arguments = parser.parse_args(["train", "--epochs", "3", "--lr", "1e-3", "--weight-decay", "0", "--threads", "-1"])
    assert (arguments.epochs, arguments.lr, arguments.weight_decay, arguments.threads) == (3, 1e-3, 0.0, -1)
    assert (arguments.data, arguments.model, arguments.seed, arguments.drop_last) == (None, None, None, False)


@pytest.mark.parametrize(("flag", "value", "message"), [
    ("--epochs", "0", "0 is not a whole number from 1"), ("--epochs", "1.5", "'1.5' is not a whole number"),
    ("--seed", "-1", "-1 is not a whole number from 0"), ("--lr", "0", "0 is not a positive number"),
    ("--lr", "inf", "inf is not a positive number"), ("--lr", "fast", "'fast' is not a number"),
    ("--weight-decay", "-1", "-1 is not a number from 0 on"), ("--threads", "0", "0 threads; use 1 to 1024"),
    ("--val-split", "1", "1 is not a share from 0 to below 1"), ("--size", "64", "'64' is not of the form 64x64"),
    ("--shape", "3x0", "'3x0' is not of the form 3x128"), ("--task", "regresion", "did you mean regression?"),
    ("--augment", "mirror=up", "mirror must be True, False or 'alternate'"), ("--augment", "turn", "no augmentation"),
    ("--class-weights", "1,a", "'a' is not a number"),
])
def test_values_that_cannot_be(parser, capsys, flag, value, message):
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["train", flag, value])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_help_names_every_data_set_and_optimiser(parser, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert f"{DEFAULT_DATA} (default)" in text
    for name in (*registry.choices(), *optim.BY_NAME):
        assert name in text
    assert "sgd (Nesterov momentum 0.9)" in text


def test_help_shows_signs_of_per_cent_once(parser):
    for command in parser.commands.values():
        assert "%%" not in command.format_help()
    assert "the probability in %," in parser.commands["predict"].format_help()


def test_words_of_augmentation_and_weights():
    assert values.augmentation("shift=4,mirror,padding=reflect") == {"shift": 4, "mirror": True, "padding": "reflect"}
    assert values.augmentation("mirror=alternate") == {"shift": 0, "mirror": "alternate"}
    assert values.augmentation("none") == {}
    assert values.class_weights("1,2.5") == [1.0, 2.5] and values.class_weights("balanced") == "balanced"
    assert values.geometry((2,), "64x64")("40X60") == [40, 60]


@pytest.mark.parametrize("argv", [["train", "--data", ""], ["train", "--config="], ["train", "--drop", "a", "--drop="],
                                  ["predict", "run", ""], ["compare", "", "run"]])
def test_an_empty_text_is_not_a_flag_left_out(parser, capsys, argv):
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(argv)
    assert stop.value.code == 2
    assert "an empty text is no value" in capsys.readouterr().err
