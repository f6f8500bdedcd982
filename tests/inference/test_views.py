"""Dims: how values lie in memory, against NumPy's own strides."""

import numpy as np
import pytest

from tinydl import layout
from tinydl.inference.views import Value, by_axis, canonical, joint, tidy

SHAPES = [(), (1,), (7,), (3, 4), (1, 5), (5, 1), (3, 4, 5), (1, 4, 5), (6, 1, 1), (3, 1, 5), (2, 3, 4, 5), (1, 1, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_canonical_is_the_memory_order_of_layout(shape):
    x = layout.empty((1, *shape))
    x[...] = np.arange(x.size).reshape(x.shape)
    axes = range(x.ndim) if not 3 <= x.ndim <= 4 else (0, *range(2, x.ndim), 1)
    memory = x.transpose(list(axes)).reshape(-1)
    value = Value(0, shape)
    assert np.array_equal(memory[value.offsets()], np.arange(x.size)) and value.is_canonical
    assert value.size == x.size


def test_tidy():
    assert tidy([(3, 20), (4, 5), (5, 1)]) == ((60, 1),)
    assert tidy([(3, 1), (1, 99), (4, 15), (5, 3)]) == ((3, 1), (20, 3)) and tidy([(1, 7)]) == ()


def test_a_reshape_leaves_the_dims():
    image = Value(3, (3, 4, 5))
    flat = image.reshaped((60,), False)
    assert flat.dims == ((3, 1), (20, 3)) and flat.store == 3 and not flat.private and not flat.is_canonical
    assert flat.reshaped((3, 4, 5), True).is_canonical
    assert Value(0, (3, 1, 1)).reshaped((3,), True).is_canonical


def test_dims_of_each_axis():
    assert by_axis(((3, 1), (20, 3)), (3, 4, 5)) == [((3, 1),), ((4, 15),), ((5, 3),)]
    assert by_axis(((3, 1), (20, 3)), (6, 10)) == [((3, 1), (2, 30)), ((10, 3),)]
    assert by_axis(((3, 1), (4, 3)), (2, 6)) is None
    assert Value(0, (6, 10), ((3, 1), (20, 3))).strides() is None
    assert Value(0, (1, 3, 4, 5), ((3, 1), (20, 3))).strides() == [0, 1, 15, 3]


def test_two_orders_together():
    assert joint(((3, 1), (20, 3)), ((60, 1),)) == [(3, 1, 20), (20, 3, 1)]
    assert joint(((60, 1),), ((60, 1),)) == [(60, 1, 1)] and joint((), ()) == []
    assert joint(((3, 1), (4, 3)), ((4, 1), (3, 4))) is None


def drawn_view(rng):
    """A random chain of views of one image, as a value and as an array."""
    shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 5)))
    N = int(rng.integers(1, 4))
    value = Value(0, shape)
    memory = np.arange(N * value.size)
    first = memory.reshape(N, value.size)[:, value.offsets()]
    array = first.reshape(N, *shape)
    for _ in range(rng.integers(1, 6)):
        kind = rng.integers(3)
        if kind == 0:
            shape = factors(rng, value.size)
            value, array = value.reshaped(shape, True), array.reshape(N, *shape)
        elif value.strides() is None:
            continue
        else:
            view = transpose(rng, array.ndim) if kind == 1 else key(rng, array.shape)
            found = value.seen_through(view, N, True)
            assert found is not None
            value, array = found, view(array)
    return value, array, memory.reshape(N, -1)


def factors(rng, n):
    shape = []
    while n > 1:
        d = int(rng.choice([k for k in range(2, n + 1) if n % k == 0]))
        shape.append(d)
        n //= d
    shape.insert(int(rng.integers(len(shape) + 1)), 1)
    return tuple(shape)


def transpose(rng, ndim):
    order = [0, *(1 + rng.permutation(ndim - 1))]
    return lambda x: x.transpose(order)


def key(rng, shape):
    keys = [slice(None)]
    for n in shape[1:]:
        begin, step = int(rng.integers(n)), int(rng.choice([-2, -1, 1, 2, 3]))
        keys.append(slice(begin, None, step) if rng.integers(3) else begin if rng.integers(2) else None)
        if keys[-1] is None:
            keys.append(slice(None))
    return lambda x: x[tuple(keys)]


@pytest.mark.parametrize("seed", range(200))
def test_chains_of_views_are_numpys(seed):
    value, array, memory = drawn_view(np.random.default_rng(seed))
    assert value.shape == array.shape[1:]
    assert np.array_equal(memory[:, value.offsets()], array.reshape(len(memory), -1))
    other = canonical(value.shape)
    axes = joint(value.dims, other)
    if axes is not None:
        source, target = np.zeros(1, int), np.zeros(1, int)
        for n, s, t in axes:
            source = (source[:, None] + s * np.arange(n)).reshape(-1)
            target = (target[:, None] + t * np.arange(n)).reshape(-1)
        assert np.array_equal(value.at + source, value.offsets())
        assert np.array_equal(target, Value(0, value.shape).offsets())


@pytest.mark.parametrize("view", [
    lambda x: x[1:], lambda x: x[::-1], lambda x: x[None], lambda x: x[0], lambda x: x.transpose(1, 0, 2, 3),
    lambda x: x[:, 2:2], lambda x: x[..., 0, 0, 0, 0]], ids=range(7))
def test_views_that_mix_images_or_take_nothing(view):
    assert Value(0, (3, 4, 5)).seen_through(view, 3, True) is None
