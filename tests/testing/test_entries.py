"""What of the core Python can call is found, with its arguments."""

import pytest

from tinydl._core import memory, parallel
from tinydl.testing.entries import classes, entries, modules, parameters


@pytest.mark.parametrize(("doc", "expected"), [
    ("f()", ()),
    ("f(x, y)\n\nSomething (else).", (("x", None), ("y", None))),
    ("f(int n_threads=1, double p=0.5, bool relu=False)", (("n_threads", "1"), ("p", "0.5"), ("relu", "False"))),
    ("Program.predict(self, x, int n_threads)", (("x", None), ("n_threads", None))),
    ("f(const double[:, ::1] x, long long step, Map mask=None, *, tuple t=(1, 2), *rest)",
     (("x", None), ("step", None), ("mask", "None"), ("t", "(1, 2)"), ("rest", None))),
])
def test_signatures_are_read(doc, expected):
    assert parameters(doc) == expected


@pytest.mark.parametrize("doc", [None, "", "Gives every unused block back.", "a (b) c"])
def test_docstrings_without_one_are_refused(doc):
    with pytest.raises(ValueError, match="no signature in "):
        parameters(doc)


def test_functions_are_found_once_and_where_they_are_defined():
    found = entries()
    assert len({(e.module, e.name) for e in found}) == len({id(e.function) for e in found}) == len(found)
    by_name = {(e.module, e.name): e for e in found}
    assert by_name["memory", "empty"].function is memory.empty
    assert by_name["memory", "empty_ordered"].names == ("shape", "dtype", "order")
    assert by_name["parallel", "team_size"].function is parallel.team_size
    # Others import `empty`, but it is memory's.
    assert [e.module for e in found if e.name == "empty"] == ["memory"]


def test_modules_and_classes_carry_no_level_in_their_names():
    assert {"memory", "operands", "parallel"} <= set(modules())
    assert not any(part in ("v2", "v3", "v4", "base") for name in modules() for part in name.split("."))
    assert ("operands", "Map") in [(module, kind.__name__) for module, kind in classes()]
