import argparse

import pytest

from tinydl.cli import ranks
from tinydl.cli.output import Output
from tinydl.distributed.transport import Alone


def test_without_a_launcher_nothing_changes(capsys):
    args = argparse.Namespace(command="train", run=lambda args, out: args.comm)
    assert isinstance(ranks.run(args, Output("train")), Alone) and not ranks.silent()
    assert ranks.failed(ValueError("bad"), 2, "bad", Output("train")) == 2
    assert capsys.readouterr().err == "tinydl train: error: bad\n"


def test_ranks_beside_the_first_are_silent(monkeypatch, capsys):
    monkeypatch.setenv("PMI_RANK", "1")
    monkeypatch.setenv("PMI_SIZE", "2")
    out = Output("eval", silent=ranks.silent())
    assert ranks.run(argparse.Namespace(command="eval", run=None), out) == 0  # which rank 0 alone runs
    for say in (out.say, out.note, lambda text: out.result(text, {})):
        say("something")
    parser = argparse.ArgumentParser()
    with pytest.raises(SystemExit):
        ranks.parsed(parser, ["--odd"])
    error = FloatingPointError("the loss is nan")
    assert ranks.failed(error, 1, str(error), Output("train", silent=True)) == 1
    assert capsys.readouterr() == ("", "")
