"""The flags of the command line: what they become, and what --help says of the tables behind them."""

import pytest

from tinydl import optim
from tinydl.data import registry
from tinydl.flags import DEFAULT_DATA, command_line_parser

COMMANDS = ("train", "eval", "predict", "summary", "info")


@pytest.fixture
def parser():
    return command_line_parser({name: name.upper() for name in COMMANDS})


def test_a_command_comes_with_what_it_runs(parser):
    for argv in (["train"], ["eval", "r"], ["predict", "r", "a.png"], ["summary", "mlp"], ["info"]):
        arguments = parser.parse_args(argv)
        assert (arguments.command, arguments.run) == (argv[0], argv[0].upper())
    assert parser.parse_args([]).command is None


def test_values(parser):
    arguments = parser.parse_args(["train", "--epochs", "3", "--lr", "1e-3", "--weight-decay", "0", "--threads", "-1"])
    assert (arguments.epochs, arguments.lr, arguments.weight_decay, arguments.threads) == (3, 1e-3, 0.0, -1)
    assert (arguments.data, arguments.model, arguments.seed, arguments.drop_last) == (None, None, None, False)


@pytest.mark.parametrize(("flag", "value", "message"), [
    ("--epochs", "0", "0 is not a whole number from 1"), ("--epochs", "1.5", "'1.5' is not a whole number"),
    ("--seed", "-1", "-1 is not a whole number from 0"), ("--lr", "0", "0 is not a positive number"),
    ("--lr", "inf", "inf is not a positive number"), ("--lr", "fast", "'fast' is not a number"),
    ("--weight-decay", "-1", "-1 is not a number from 0 on"), ("--threads", "0", "0 threads; use 1 to 1024"),
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
