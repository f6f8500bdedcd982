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
    assert message("Module", "cuda", "Net") == "'Net' has no attribute 'cuda'; leave it out: the CPU is the only device"
    assert message("Module", "weigth", "Net") == "'Net' has no attribute 'weigth'"
    assert message("tinydl", "reluu") == "module 'tinydl' has no attribute 'reluu'; did you mean 'relu'?"
    assert message("tinydl", "_x") == "module 'tinydl' has no attribute '_x'"
