"""Where a command speaks, and what --quiet and --json leave of it."""

import io
import json
import math
import sys

from tinydl.cli.output import Output, any_words


def test_words_and_results(capsys):
    for flags, lines in (((False, False), ["on the way", "result"]), ((True, False), ["result"])):
        out = Output("train", *flags)
        out.say("on the way")
        out.result("result", {})
        assert capsys.readouterr().out.splitlines() == lines


def test_a_row_is_wrapped_below_its_sentence(capsys):
    out, path = Output("train"), "a" * 90
    out.row("train", "2 epochs of 45 batches of 32, sgd, lr 0.1, schedule onecycle, weight decay 0.0005")
    out.row("", f"one of {path} two")
    assert capsys.readouterr().out == (
        "train  2 epochs of 45 batches of 32, sgd, lr 0.1, schedule onecycle, weight\n       decay 0.0005\n"
        f"       one of\n       {path}\n       two\n")


def test_json_is_one_line_that_every_reader_takes(capsys):
    out = Output("train", json=True)
    out.say("on the way")
    out.result("result", {"loss": math.nan, "rows": [{"n": 1}, math.inf]})
    out.note("careful")
    out.error("wrong")
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"loss": None, "rows": [{"n": 1}, None]}
    assert captured.err == "tinydl: careful\ntinydl train: error: wrong\n"


def test_what_an_encoding_lacks_is_written_with_backslashes(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    with any_words():
        Output("predict").result("\u044b.png \udcff", {})
    assert stream.buffer.getvalue().split() == [b"\\u044b.png", b"\\udcff"] and stream.errors == "strict"


def test_progress_is_for_terminals_and_what_takes_long(capsys, monkeypatch):
    out = Output("train")
    out.progress("reading", 1, 4)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    out.progress("reading", 1, 4)
    assert capsys.readouterr().err == ""
    out._begun -= 10
    out.progress("reading", 2, 4)
    out.note("careful")
    assert capsys.readouterr().err == "\rreading:  50 %\ntinydl: careful\n"
