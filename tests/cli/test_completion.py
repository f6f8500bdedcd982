"""What the shell is told: names after flags that take a name. argcomplete itself is asked where it is installed."""

import os
import subprocess
import sys

import pytest

from tinydl.cli.completion import name_values
from tinydl.cli.entry import command_line_parser
from tinydl.cli.parser import flags_of


@pytest.mark.parametrize(("flag", "typed", "expected"), [
    ("--model", "resnet2", ["resnet20", "resnet29_bottleneck"]), ("--optimizer", "ada", ["adam", "adamw", "adagrad"]),
    ("--schedule", "on", ["onecycle"]), ("--recipe", "a", ["airbench"]), ("--features", "", ["none", "mfcc"]),
    ("--task", "r", ["regression"]), ("--class-weights", "b", ["balanced"]), ("--augment", "cut", ["cutout", "cutmix"]),
    ("--mode", "", ["L", "RGB"]),
])
def test_names_that_begin_as_what_is_typed(flag, typed, expected):
    parser = command_line_parser()
    name_values(parser)
    found = flags_of(parser.commands["train"])[flag].completer(prefix=typed)
    assert set(expected) <= set(found) and all(name.startswith(typed) for name in found)


def test_the_shell_is_answered(tmp_path):
    pytest.importorskip("argcomplete")
    (tmp_path / "kites.csv").write_text("")
    line = "tinydl train --data k"
    asked = {**os.environ, "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)),
             "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "answer"), "_ARGCOMPLETE_IFS": "\n"}
    subprocess.run([sys.executable, "-m", "tinydl"], env=asked, cwd=tmp_path, check=True)
    assert {word.strip() for word in (tmp_path / "answer").read_text().split("\n")} == {"kmnist", "kites.csv"}
