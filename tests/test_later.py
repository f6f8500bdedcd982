"""Names that are imported when they are asked for."""

import subprocess
import sys

import pytest

import tinydl as td
from tinydl.later import is_module, later


def test_names_come_when_they_are_asked_for():
    code = ("import sys, tinydl as td; names = ('tinydl.ops.sorting', 'tinydl.nn.padding', 'tinydl.optim.averaging');"
            "print(*[n in sys.modules for n in names]); td.ones(1).sort(0); td.nn.ZeroPad2d; td.optim.Lookahead;"
            "td.nn.functional.relu; td.optim.lr_scheduler.StepLR;"
            "print(*[n in sys.modules for n in names], td.nn.ZeroPad2d is vars(td.nn)['ZeroPad2d'])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"] * 3 + ["True"] * 4


@pytest.mark.parametrize("place", [td.nn, td.ops, td.optim, td.optim.lr_scheduler, td.data, td.nn.functional])
def test_all_names_are_there(place):
    assert {*place.__all__} <= {*dir(place)} and all(getattr(place, name) is not None for name in place.__all__)


def test_modules_are_left_to_python():
    assert is_module("tinydl.ops", "sorting") and is_module("tinydl", "nn") and not is_module("tinydl", "nothing")
    find, names = later("tinydl.ops", {"sorting": "sort topk"})
    assert find("topk") is td.ops.topk and "sort" in names()
    with pytest.raises(AttributeError, match="module 'tinydl.ops' has no attribute 'sorting'$"):
        find("sorting")
    with pytest.raises(AttributeError, match="did you mean 'topk'"):
        find("topkk")
