"""Tensors made of nothing: values, types, random streams, what is refused."""

import numpy as np
import pytest

import tinydl as td


@pytest.mark.parametrize(("made", "dtype", "expected"), [
    (lambda: td.zeros(2, 1), "float32", [[0], [0]]), (lambda: td.ones((2,), dtype=td.int64), "int64", [1, 1]),
    (lambda: td.empty(1), "float32", [0]), (lambda: td.full((2,), 7), "int64", [7, 7]),
    (lambda: td.full(2, 0.5), "float32", [0.5, 0.5]), (lambda: td.full((1,), True), "bool", [True]),
    (lambda: td.zeros_like(td.tensor([1, 2])), "int64", [0, 0]),
    (lambda: td.full_like(td.ones(2), 3), "float32", [3, 3]),
    (lambda: td.eye(2, 3), "float32", [[1, 0, 0], [0, 1, 0]]), (lambda: td.arange(3), "int64", [0, 1, 2]),
    (lambda: td.arange(5, 1, -2), "int64", [5, 3]), (lambda: td.arange(0, 1, 0.5), "float32", [0, 0.5]),
    (lambda: td.linspace(1, 2, 3), "float32", [1, 1.5, 2]), (lambda: td.from_numpy(np.arange(2)), "int64", [0, 1]),
    (lambda: td.as_tensor([1.0, 2]), "float32", [1, 2]),
    (lambda: td.as_tensor(np.ones(1), td.float32), "float32", [1])],
    ids=range(16))
def test_values_and_types(made, dtype, expected):
    x = made()
    assert x.dtype == dtype and x.tolist() == expected and not x.requires_grad


def test_leaves():
    assert td.zeros(2, requires_grad=True).requires_grad and td.randn(2, requires_grad=True).is_leaf
    x, a = td.ones(2), np.ones(2, np.float32)
    assert td.as_tensor(x) is x and td.from_numpy(a).data is a and td.is_tensor(x) and not td.is_tensor(a)


def test_random_numbers_follow_the_seed():
    def draw(**options):
        return [td.rand(3, **options), td.randn(2, 2, **options), td.randint(0, 5, (9,), **options),
                td.randperm(6, **options)]
    td.manual_seed(3)
    first = draw()
    td.manual_seed(3)
    assert all(td.equal(a, b) for a, b in zip(first, draw(), strict=True))
    assert not any(td.equal(a, b) for a, b in zip(first, draw(), strict=True))
    own = draw(generator=td.Generator().manual_seed(4))
    assert all(td.equal(a, b) for a, b in zip(own, draw(generator=td.Generator().manual_seed(4)), strict=True))
    assert first[2].dtype == np.int64 and set(first[2].tolist()) <= set(range(5))
    assert sorted(first[3].tolist()) == list(range(6)) and 0 <= first[0].min().item() <= first[0].max().item() < 1
    assert td.randn_like(td.ones(2, dtype=td.float64)).dtype == np.float64
    assert abs(td.randn(4000).std().item() - 1) < 0.1


@pytest.mark.parametrize(("dtype", "value"), [
    ("u1", 255), ("i1", -128), ("i1", 127), ("i8", 2**53 + 1), ("u8", 2**63), (bool, 1), ("i4", 3.0), ("f4", 2.5)])
def test_a_value_that_a_type_holds_is_that_value(dtype, value):
    filled = td.zeros(2, dtype=dtype).fill_(value)
    for made in (filled, td.full((2,), value, dtype=dtype), td.full_like(td.zeros(2, dtype=dtype), value)):
        assert made.dtype == np.dtype(dtype) and made.tolist() == [value] * 2


@pytest.mark.parametrize(("call", "message"), [
    (lambda: td.zeros(-1), "zeros: a length must be at least 0, got -1"),
    (lambda: td.zeros(1, device="cuda"), "computes on the CPU: device 'cuda'"),
    (lambda: td.arange(1, 2, 0), "steps of 0"), (lambda: td.arange(3, 1), "do not lead from 3 to 1"),
    (lambda: td.full((2,), [1, 2]), "full takes a number"), (lambda: td.randint(3, 3, (1,)), "no integer from 3"),
    (lambda: td.randint(3), "randint takes"), (lambda: td.from_numpy([1]), "takes a NumPy array, got list"),
    (lambda: td.rand(1, generator=3), "must be a td.Generator, got 3"),
    (lambda: td.full((2,), 300, dtype=np.uint8), "full: an array of uint8 holds no 300"),
    (lambda: td.full((2,), 2.5, dtype=np.int32), "full: an array of int32 holds no 2.5"),
    (lambda: td.full_like(td.ones(2, dtype=np.int8), float("nan")), "full: an array of int8 holds no nan"),
    (lambda: td.randint(0, 300, (2,), dtype=np.uint8), "randint: an array of uint8 holds no 299"),
    (lambda: td.ones(2, dtype="S"), "real numbers")])
def test_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
