"""Type checkers see the names, arguments and types that there are at run time."""

import ast
import inspect
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import tinydl as td
import tinydl.nn.functional
from tinydl import words
from tinydl.ops.methods import METHODS

ROOT = Path(td.__file__).parent
SCRIPTS = Path(__file__).with_name("typed")


def stub(path):
    return ast.parse((ROOT / path).read_text())


def listed(tree):
    """The names in the __all__ of a stub."""
    (names,) = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"]
    return set(ast.literal_eval(names))


def defined(tree):
    """The names that a stub defines or imports."""
    names = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    names |= {alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom)
              for alias in node.names}
    names |= {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets}
    return names | {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}


def arguments(function):
    """The names of the arguments of a definition in a stub, without what only types know: `dim` beside `axis`."""
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg) if a]
    return [name for name in names if not (name == "dim" and "axis" in names or name == "keepdim")]


def of_signature(function):
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize(("path", "names"), [
    ("_words.pyi", words.names()), ("nn/functional.pyi", set(td.nn.functional.__all__)),
    ("ops/_activations.pyi", set(td.ops.activations.OPERATIONS)),
    ("nn/_activations.pyi", set(td.nn.activation.LAYERS) - {"ReLU", "GELU", "Softplus"})],
    ids=["words", "functional", "operations", "layers"])
def test_stubs_have_the_names(path, names):
    tree = stub(path)
    assert listed(tree) == names and names <= defined(tree)


@pytest.mark.parametrize(("path", "place"), [("nn/functional.pyi", td.nn.functional), ("ops/_activations.pyi", td.ops)],
                         ids=["functional", "operations"])
def test_stubs_have_the_arguments_of_functions(path, place):
    for node in stub(path).body:
        if isinstance(node, ast.FunctionDef):
            ours, found = arguments(node), of_signature(getattr(place, node.name))
            assert [name for name in ours if name != "inplace"] == [n for n in found if n != "inplace"], node.name


def test_stubs_have_the_settings_of_activations():
    for node in stub("nn/_activations.pyi").body:
        if isinstance(node, ast.ClassDef):
            (init,) = [part for part in node.body if isinstance(part, ast.FunctionDef)]
            ours, found = arguments(init), of_signature(getattr(td.nn, node.name))
            assert [name for name in ours if name not in ("self", "inplace")] == [n for n in found if n != "inplace"]


def test_stubs_have_the_methods_of_tensors():
    methods = next(node for node in stub("_methods.pyi").body if getattr(node, "name", "") == "Methods")
    seen = {}
    for node in methods.body:
        if isinstance(node, ast.FunctionDef):
            seen.setdefault(node.name, []).append(node)
    properties = {"T", "device", "grad_fn", "is_leaf", "size"}
    assert seen.keys() == METHODS.keys() | properties
    for name, (node, *others) in seen.items():
        found = METHODS.get(name)
        if others or found is None or name.endswith("_"):  # overloads, properties, operators and what is done in place
            continue
        found = of_signature(found.resolve() if hasattr(found, "resolve") else found)[1:]
        ours = arguments(node)[1:]
        assert ours == found, (name, ours, found)


def test_the_right_script_runs(capsys):
    runpy.run_path(str(SCRIPTS / "right.py"), run_name="__main__")
    loss, right, *_ = capsys.readouterr().out.split()
    assert float(loss) > 0 and 0 <= int(right) <= 64


@pytest.mark.slow
def test_a_checker_finds_the_mistakes_and_nothing_else(tmp_path):
    pytest.importorskip("mypy")
    found = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path, SCRIPTS / "right.py",
                            SCRIPTS / "wrong.py"], capture_output=True, text=True, cwd=tmp_path).stdout
    lines = (SCRIPTS / "wrong.py").read_text().splitlines()
    wrong = [number for number, line in enumerate(lines, 1) if "  # " in line]
    errors = [line.split(":")[:2] for line in found.splitlines() if ": error:" in line]
    assert len(wrong) == 8 and [(Path(name).name, int(number)) for name, number in errors] == [
        ("wrong.py", number) for number in wrong], found
