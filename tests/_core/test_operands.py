"""The values that kernels map, mask and sum on the way: what they hold, and what they refuse to be."""

import copy
import pickle

import numpy as np
import pytest

from tinydl._core.elementwise import ACTIVATIONS
from tinydl._core.operands import Map, Moments, Pending, are_sizes

SCALE, SHIFT, CENTRE = (np.float32([k, k + 1]) for k in (1, 3, 5))


def fields(value):
    return value.__reduce__()[1]


def test_a_map_is_whole_or_plain():
    plain, whole = Map(activation="relu"), Map(SCALE, SHIFT, CENTRE)
    assert (plain.scale, plain.shift, plain.centre, plain.activation) == (None, None, None, "relu")
    assert whole.scale is SCALE and whole.shift is SHIFT and whole.centre is CENTRE and whole.activation == ""
    for parts in ((SCALE,), (SCALE, SHIFT), (None, SHIFT), (None, None, CENTRE), (SCALE, None, CENTRE)):
        with pytest.raises(ValueError, match="scale, shift and centre are given together or not at all"):
            Map(*parts)


def test_a_relu_behind_a_map_is_another_map():
    whole = Map(SCALE, SHIFT, CENTRE)
    clamped = whole.followed_by("relu")
    assert clamped.activation == "relu" and not whole.activation
    assert clamped.scale is SCALE and clamped.centre is CENTRE


def test_a_map_takes_one_activation_of_the_table():
    leaky = Map(SCALE, SHIFT, CENTRE).followed_by("leaky_relu", 0.25)
    assert (leaky.activation, leaky.parameter) == ("leaky_relu", 0.25)
    assert leaky != Map(SCALE, SHIFT, CENTRE, "leaky_relu")
    with pytest.raises(ValueError, match="one activation: gelu after leaky_relu"):
        leaky.followed_by("gelu")
    with pytest.raises(ValueError, match="no activation 'swish'; known: relu, leaky_relu, elu"):
        Map(activation="swish")
    loaded = [name for name in ACTIVATIONS if Map(activation=name).loads]
    assert loaded == ["relu", "leaky_relu"] and Map().loads


def test_a_pending_gradient_is_whole_or_a_mask():
    dz, y, mask = np.zeros((1, 2)), np.ones((1, 2)), Map(SCALE, SHIFT, CENTRE, "relu")
    masked, whole = Pending(dz, y, mask), Pending(dz, y, mask, SCALE, SHIFT, CENTRE)
    assert masked.dz is dz and masked.y is y and masked.mask is mask and masked.a is None
    assert whole.a is SCALE and whole.b is SHIFT and whole.c is CENTRE
    for parts in ((SCALE,), (SCALE, SHIFT), (None, SHIFT), (SCALE, None, CENTRE)):
        with pytest.raises(ValueError, match="a, b and c are given together or not at all"):
            Pending(dz, y, mask, *parts)
    with pytest.raises(ValueError, match="need a mask with a centre"):
        Pending(dz, y, Map(activation="relu"), SCALE, SHIFT, CENTRE)
    with pytest.raises(TypeError):
        Pending(dz, y, None)


@pytest.mark.parametrize("value", [Map(SCALE, SHIFT, CENTRE, "relu"), Map(), Moments(CENTRE, np.zeros((3, 2, 2))),
                                   Pending(SCALE, SHIFT, Map(activation="relu"))], ids=lambda v: type(v).__name__)
def test_copies_and_pickles_hold_the_same(value):
    for again in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
        assert type(again) is type(value)
        for old, new in zip(fields(value), fields(again), strict=True):
            if isinstance(old, Map):
                assert fields(new) == fields(old)
            else:
                assert np.array_equal(old, new) and type(old) is type(new)


@pytest.mark.parametrize(("value", "name"), [(Map(), "scale"), (Map(), "activation"), (Moments(None, None), "sums"),
                                             (Pending(None, None, Map()), "dz")])
def test_they_do_not_change(value, name):
    with pytest.raises(AttributeError):
        setattr(value, name, None)


def test_maps_of_the_same_bits_are_equal():
    one = Map(SCALE, SHIFT, CENTRE)
    assert one == Map(SCALE.copy(), SHIFT.copy(), CENTRE.copy()) and Map(activation="relu") == Map(activation="relu")
    assert one != Map(SCALE, SHIFT, SCALE) and one != one.followed_by("relu") and one != Map() and one != 1
    nan = np.float32([np.nan, 1])
    assert Map(nan, SHIFT, CENTRE) == Map(nan.copy(), SHIFT, CENTRE)
    assert one != Map(*(v.astype(np.float64) for v in (SCALE, SHIFT, CENTRE)))


@pytest.mark.parametrize(("value", "least", "expected"), [
    ((1, 2), 1, True), ((0, 2), 0, True), ((0, 2), 1, False), ((-1, 2), 0, False), ((1, 2**31 - 1), 1, True),
    ((1, 2**31), 1, False), ((1, 2**70), 1, False), ((1, -2**70), 1, False), ((1,), 1, False), ((1, 2, 3), 1, False),
    ((), 1, False), ([1, 2], 1, False), (2, 1, False), (None, 1, False), ("12", 1, False), ((1, True), 1, False),
    ((1, 2.0), 1, False), ((1, np.int64(2)), 1, False), ((1, None), 1, False)])
def test_sizes_are_tuples_of_ints(value, least, expected):
    assert are_sizes(value, 2, least) is expected
