"""Every kernel has a twin in `_core/reference` that takes the same arguments in the same order."""

import ast
import importlib
import inspect
import pkgutil
import re

import pytest

from tinydl._core import reference
from tinydl.testing.entries import entries

# What computes nothing that a formula could say. A name that matches stands for "module.function".
WITHOUT_TWIN = {
    r"memory\..*": "gives memory; tests/_core/test_memory.py says what memory",
    r"array\..*": "compares the layout of arrays; tests/_core/test_array.py says how",
    r"parallel\..*": "counts threads",
    r"operands\..*": "looks at what Python passes; tests/_core/test_operands.py says what passes",
    r".*_filters": "packs weights; what comes of them is held to the kernel's twin by tests/_core/inference",
    r".*_step": "a kernel as a step of a frozen network, held to the kernel's twin there too",
    r".*peak": "measures the machine",
}
MOST_ARGUMENTS = 12


def twins():
    """{name: function} of all reference modules."""
    found = {}
    for info in pkgutil.walk_packages(reference.__path__, reference.__name__ + "."):
        module = importlib.import_module(info.name)
        found |= {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    return found


ENTRIES = [pytest.param(entry, id=f"{entry.module}.{entry.name}") for entry in entries()]
TWINS = twins()


def reason(entry):
    return next((why for name, why in WITHOUT_TWIN.items() if re.fullmatch(name, f"{entry.module}.{entry.name}")), None)


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_twin_takes_the_same_arguments(entry):
    if reason(entry):
        return
    assert entry.name in TWINS, "without a twin in _core/reference, and without a reason in WITHOUT_TWIN"
    theirs = inspect.signature(TWINS[entry.name]).parameters
    assert tuple(theirs) == entry.names
    for name, default in entry.parameters:
        if default is not None:
            assert theirs[name].default == ast.literal_eval(default), f"default of {name}"


@pytest.mark.parametrize("entry", ENTRIES)
def test_arguments_are_few(entry):
    assert len(entry.names) <= MOST_ARGUMENTS


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_number_of_threads_comes_last(entry):
    """Inputs, outputs, geometry, options, n_threads; what has a default may follow."""
    required = [name for name, default in entry.parameters if default is None]
    if "n_threads" in required:
        assert required[-1] == "n_threads"
    if "geometry" in required:
        arrays = [name for name in required if re.fullmatch(r"[a-z]|d[a-z]|argmax|bias|sums|cols", name)]
        assert all(required.index(name) < required.index("geometry") for name in arrays)


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.values[0].names])
def test_arguments_go_by_position(entry):
    """Code that finds arguments by their names would be a fifteenth of the core's, and nobody calls kernels so."""
    assert re.search(r", /\)( -> .*)?$", entry.function.__doc__.split("\n")[0])


def test_every_twin_is_that_of_a_kernel():
    names = {entry.name for entry in entries()}
    helpers = {"ROWS", "Row", "dropout_words", "geometry", "memory_order"}  # what twins and tests are made of
    assert set(TWINS) - helpers <= names


def test_every_reason_serves():
    names = [f"{entry.module}.{entry.name}" for entry in entries()]
    for pattern in WITHOUT_TWIN:
        assert any(re.fullmatch(pattern, name) for name in names), pattern
