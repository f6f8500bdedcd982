"""The README's example runs as printed, and the README says what it must."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_runs_as_printed_and_learns(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    accuracy = float(re.search(r"test accuracy ([\d.]+)%", capsys.readouterr().out)[1])
    assert accuracy >= 97


def test_the_example_is_short():
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len([line for line in block.splitlines() if line.strip()]) <= 11


def test_nobody_is_told_to_install_the_unrelated_package():
    assert not re.search(r"pip install '?tinydl", README.read_text())
