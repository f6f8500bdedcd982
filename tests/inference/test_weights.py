import numpy as np

import tinydl as td
from tinydl.inference.weights import Packed, Weights

RNG = np.random.default_rng(0)


def drawn(*shape):
    return td.Parameter(RNG.standard_normal(shape).astype(np.float32))


def test_weights_without_maps_are_themselves():
    w, b = drawn(4, 3, 3, 3), drawn(4)
    weight, bias = Weights(w, b).arrays()
    assert weight is w.data and np.array_equal(bias, b.data) and Weights(w, None).arrays()[1] is None


def test_maps_are_folded_in_float64_and_rounded_once():
    w, b = drawn(5, 7), drawn(5)
    scale, shift, again = RNG.standard_normal((3, 5))
    weights = Weights(w, b)
    weights.fold(scale, shift)
    weights.fold(again, shift)
    weight, bias = weights.arrays()
    assert weight.dtype == bias.dtype == np.float32 and weight.T.flags.c_contiguous and weights.channels == 5
    assert np.array_equal(weight, (w.data * (again * scale)[:, None]).astype(np.float32))
    assert np.array_equal(bias, (again * scale * b.data + (again * shift + shift)).astype(np.float32))
    without = Weights(w, None)
    without.fold(scale, shift)
    assert np.array_equal(without.arrays()[1], shift.astype(np.float32))


def test_filters_are_packed_once_for_equal_weights():
    packed, made = Packed(), []

    def pack(weight, bias):
        made.append(weight)
        return len(made)

    w, b, scale = drawn(4, 3), drawn(4), np.full(4, 2.0)
    folded, other = Weights(w, b), Weights(w, b)
    folded.fold(scale, scale)
    other.fold(scale, 2 * scale)
    numbers = [packed.filters(weights, kind, pack) for weights, kind in (
        (Weights(w, b), "direct"), (Weights(w, b), "direct"), (Weights(w, b), "winograd"), (Weights(w, None), "direct"),
        (folded, "direct"), (other, "direct"), (Weights(drawn(4, 3), b), "direct"), (folded, "direct"))]
    assert numbers == [1, 1, 2, 3, 4, 5, 6, 4]


def test_computed_weights_are_known_by_their_values():
    packed = Packed()
    values = RNG.standard_normal((4, 3)).astype(np.float32)
    first = packed.filters(Weights(td.tensor(values), None), "direct", lambda w, b: object())
    assert packed.filters(Weights(td.tensor(values), None), "direct", lambda w, b: object()) is first
    assert packed.filters(Weights(td.tensor(values + 1), None), "direct", lambda w, b: object()) is not first
    assert packed.filters(Weights(td.tensor(values.reshape(3, 4)), None), "direct", lambda w, b: object()) is not first
