from collections import namedtuple

import numpy as np
import pytest

import tinydl as td
from tinydl._core import operands
from tinydl.inference.template import Made, Unlike, fits, unified

Geometry = namedtuple("Geometry", "N C H")


def nothing_varies(x):
    return None


CASES = [
    # at 2, at 3, at 5, something else at 5
    (2, 3, 5, 4), (8, 12, 20, 8), (7, 7, 7, 35), (True, True, True, 1), (0.5, 0.5, 0.5, 0.25),
    ("same", "same", "same", "x"),
    (None, None, None, 0), (float("nan"), float("nan"), float("nan"), 0.0), (np.float32, np.float32, np.float32, float),
    ((2, 8, 3), (3, 8, 3), (5, 8, 3), (5, 8, 4)), (Geometry(2, 3, 4), Geometry(3, 3, 4), Geometry(5, 3, 4), (2, 3, 4)),
    ([2, None], [3, None], [5, None], [5]), ((1, (2,)), (1, (3,)), (1, (5,)), (1, 5)), ((), (), (), (1,)),
    ({"a": 2}, {"a": 3}, {"a": 5}, {"b": 5}), (slice(0, 2), slice(0, 3), slice(0, 5), slice(0, 5, 2)),
    (np.ones(3), np.ones(3), np.ones(3), np.zeros(3)),
    (np.ones((2, 3)), np.ones((3, 3)), np.ones((5, 3)), np.ones((5, 4))),
    (np.ones(3), np.ones(3), np.ones(3), np.ones(3, np.float32)), (np.full(2, np.nan),) * 3 + (np.zeros(2),),
    (*(operands.Map(np.ones(3), np.ones(3), np.zeros(3)) for _ in range(3)), operands.Map(activation="relu")),
    (td.tensor([1.0]), td.tensor([1.0]), td.tensor([1.0]), td.tensor([2.0])),
    (np.int64(3), np.int64(3), np.int64(3), 3),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case[0]))
def test_what_two_batch_sizes_say_of_a_third(case):
    two, three, five, other = case
    template = unified(two, three, 2, 3, nothing_varies)
    assert fits(template, three, 3, nothing_varies) and fits(template, five, 5, nothing_varies)
    assert not fits(template, other, 5, nothing_varies)


@pytest.mark.parametrize(("two", "three"), [
    (1, 2), (3, 4), (-2, 3), (0.5, 0.25), (2.0, 3.0), ("a", "b"),
    ((1, 2), (1, 2, 3)), ([1], (1,)), ({"a": 1}, {"b": 1}),
    (np.ones(3), np.zeros(3)), (np.ones(3), np.ones(3, "f")), (np.ones((2, 2)), np.ones((3, 4))), (1, None), (1, True),
    (object(), object()), (slice(2), slice(1)), (operands.Map(activation="relu"), operands.Map())], ids=str)
def test_what_has_no_rule(two, three):
    with pytest.raises(Unlike):
        unified(two, three, 2, 3, nothing_varies)


def test_objects_that_do_not_say_whether_they_are_equal():
    class Odd:
        def __eq__(self, other):
            raise RuntimeError

    odd = Odd()
    assert fits(unified(odd, odd, 2, 3, nothing_varies), odd, 4, nothing_varies)
    with pytest.raises(Unlike):
        unified(odd, Odd(), 2, 3, nothing_varies)


def test_what_varies_goes_by_who_made_it():
    x, y, z = (td.tensor([float(k)]) for k in range(3))
    names = {id(x): Made(None), id(y): Made(4)}

    def name_of(value):
        return names.get(id(value))

    template = unified((x, y, 3), (x, y, 3), 2, 3, name_of)
    assert fits(template, (x, y, 3), 7, name_of) and not fits(template, (y, x, 3), 7, name_of)
    assert not fits(template, (x, z, 3), 7, name_of) and not fits(unified(z, z, 2, 3, name_of), x, 7, name_of)
    for one, other in ((x, y), (x, z), (z, y)):
        with pytest.raises(Unlike):
            unified(one, other, 2, 3, name_of)
