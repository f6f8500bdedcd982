from collections import OrderedDict, deque

import pytest

from tinydl.nn.containers import contained


@pytest.mark.parametrize("container", [
    [7], (7,), {"a": 7}, {7}, frozenset([7]), deque([7]), OrderedDict(a=7), [[7]], [1.5, ("x", {"a": [7]})],
    {"a": {"b": (7,)}},
])
def test_at_any_depth(container):
    assert contained(container, (int,)) == [7]


def test_nothing_of_the_kind():
    assert contained([1, ["7", {"a": None}]], (float,)) == []


def test_containers_that_hold_themselves():
    endless = [7]
    endless.append({"a": endless})
    assert contained(endless, (int,)) == [7]
