"""The program: its parser, what is typed wrongly, and exit codes."""

import errno

import pytest

from tinydl import cli
from tinydl.cli.entry import command_line_parser


def test_a_command_comes_with_what_it_runs():
    parser = command_line_parser()
    assert set(parser.commands) == {"train", "eval", "predict", "report", "compare", "export", "summary", "info"}
    for name, argv in {"train": [], "eval": ["r"], "predict": ["r", "a.png"], "report": ["r"], "compare": ["r"],
                       "export": ["r", "a.c"], "summary": ["mlp"], "info": []}.items():
        arguments = parser.parse_args([name, *argv])
        assert arguments.command == name and callable(arguments.run)
    assert parser.parse_args([]).command is None


@pytest.mark.parametrize(("argv", "meant"), [(["train", "--momentun", "0.9"], "--momentum"),
                                             (["predict", "r", "a", "--rezise"], "--resize")])
def test_a_flag_that_was_meant(capsys, argv, meant):
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
    assert f"did you mean {meant}?" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(ValueError("a\nb"), 2), (OSError(28, "full"), 1), (MemoryError(), 1),
                                             (KeyboardInterrupt(), 130), (ImportError("pip install it"), 2),
                                             (PermissionError(13, "no", "a"), 2),
                                             (FileExistsError(errno.EEXIST, "exists", "a"), 2),
                                             (OSError(errno.EROFS, "read-only", "a"), 2),
                                             (OSError(errno.ENAMETOOLONG, "too long", "a"), 2),
                                             (OSError(errno.ELOOP, "a loop", "a"), 2),
                                             (OSError(errno.EINVAL, "is a named pipe", "a"), 2),
                                             (OSError(errno.ENOSPC, "full", "a"), 1)])
def test_what_goes_wrong_is_a_line_and_a_code(capsys, monkeypatch, error, code):
    def fail(args, out):
        raise error

    monkeypatch.setattr(cli.info, "run", fail)
    monkeypatch.setattr(cli.entry, "command_line_parser", command_line_parser)  # a new one, that runs it
    assert cli.main(["info"]) == code
    assert capsys.readouterr().err.count("\n") == 1
