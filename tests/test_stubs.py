"""The stubs are what the tables say; tests/habits/test_typed.py holds them to what there is at run time."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))

from tools import stubs
from tools.written import ROOT


def test_the_stubs_are_what_the_tables_say():
    assert stubs.main(["--check"]) == 0, "run python tools/stubs.py"


@pytest.mark.parametrize(("path", "lines"), [
    ("ops/_activations.pyi", ["def elu(x: ArrayLike, alpha: float = 1.0) -> Tensor: ..."]),
    ("nn/_activations.pyi", ["class ELU(Activation):\n    alpha: float\n"
                             "    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None: ..."]),
    ("nn/functional.pyi", [
        "    mse as mse_loss,",
        'def gelu(x: ArrayLike, approximate: Literal["none", "tanh"] = "none") -> Tensor: ...',
        "def elu(x: ArrayLike, alpha: float = 1.0, inplace: bool = False) -> Tensor: ..."]),
    ("_words.pyi", [
        "    concatenate as cat,", "long: np.dtype[np.int64]", "bool: np.dtype[np.bool_]",
        "def t(x: Tensor) -> Tensor: ..."]),
    ("_methods.pyi", [
        "    def add_(self, other: Operand, alpha: builtins.float = 1) -> Self: ...",
        "    def eq(self, y: ArrayLike, /) -> Tensor: ...", "    def int(self) -> Tensor: ...",
        "    def max(self, dim: builtins.int, keepdim: builtins.bool = False) -> Placed: ...",
        "    def unsqueeze(self, axis: builtins.int = ..., *, dim: builtins.int = ...) -> Tensor: ..."])])
def test_literal_lines(path, lines):
    text = (ROOT / "tinydl" / path).read_text()
    assert [line for line in lines if f"\n{line}\n" not in text] == []


def test_long_definitions_are_broken_below_the_first_parameter():
    parts = [f"p{k}: ArrayLike | None = None" for k in range(5)]
    assert stubs.definition("f", parts, "Tensor") == (
        "def f(p0: ArrayLike | None = None, p1: ArrayLike | None = None, p2: ArrayLike | None = None,\n"
        "      p3: ArrayLike | None = None, p4: ArrayLike | None = None) -> Tensor: ...\n")


def test_a_stub_that_is_stale_is_told(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(stubs, "ROOT", tmp_path)
    monkeypatch.setattr(stubs, "STUBS", {"a.pyi": lambda: "new", "b.pyi": lambda: "as it is"})
    (tmp_path / "a.pyi").write_text("old")
    (tmp_path / "b.pyi").write_text("as it is")
    assert stubs.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "a.pyi" in said and "tools/stubs.py" in said and "b.pyi" not in said
    assert stubs.main([]) == 0 and (tmp_path / "a.pyi").read_text() == "new"
