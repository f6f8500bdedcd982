"""The table of substitutes: every place is one, and no name in it exists."""

import importlib

import pytest

import tinydl as td
from tinydl.instead import INSTEAD, message

ROWS = [(place, name) for place, names in INSTEAD.items() for name in names]


@pytest.mark.parametrize(("place", "name"), ROWS, ids=[".".join(row) for row in ROWS])
def test_a_name_of_the_table_is_missing(place, name):
    target = {"Tensor": td.zeros(1), "Module": td.nn.Identity()}.get(place) if "." not in place and place != "tinydl" \
        else importlib.import_module(place)
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'; ") as caught:
        getattr(target, name)
    assert str(caught.value).endswith(INSTEAD[place][name])


def test_messages():
    assert message("Module", "cuda", "Net") == ("'Net' object has no attribute 'cuda'; leave it out: the CPU is the "
                                                "only device")
    assert message("Module", "weigth", "Net") == "'Net' object has no attribute 'weigth'"
    assert message("tinydl", "reluu") == "module 'tinydl' has no attribute 'reluu'; did you mean 'relu'?"
    assert message("tinydl", "_x") == "module 'tinydl' has no attribute '_x'"


def test_a_substitute_is_no_attribute():
    assert not hasattr(td.zeros(1), "cuda") and not hasattr(td.nn.Linear(1, 1), "fit")
    assert "cuda" not in dir(td.zeros(1)) and "fit" not in dir(td.nn.Linear(1, 1))
    assert "leave it out" in repr(vars(td.Tensor)["cuda"])


def test_a_substitute_gives_way():
    """To a subclass, to a class that comes later in the order of look-ups, to the attributes of a module."""
    class Fits:
        def fit(self):
            return "later"

    class Later(td.nn.Module, Fits):
        pass

    class Own(td.nn.Module):
        def __init__(self):
            self.type = "own"

        def predict(self):
            return "own"

    assert Later().fit() == "later" and "fit" in dir(Later())
    assert Own().type == Own().predict() == "own"
