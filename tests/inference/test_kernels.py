"""Kernels by what they are made for; the steps themselves are held to their twins in tests/_core."""

import numpy as np
import pytest

import tinydl as td
from tinydl.inference import kernels
from tinydl.inference.views import Value
from tinydl.inference.weights import Packed, Weights

FLOAT = np.dtype(np.float32)
GEOMETRY = (1, 32, 16, 16, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 16, 16)


def parameter(*shape):
    return td.Parameter(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize(("geometry", "algorithm", "kind"), [
    (GEOMETRY, "auto", "winograd"), (GEOMETRY, "direct", ("direct", 1)),
    ((*GEOMETRY[:13], 4, *GEOMETRY[14:]), "auto", ("direct", 4)),
    ((*GEOMETRY[:13], 32, *GEOMETRY[14:]), "auto", "depthwise")], ids=["winograd", "direct", "grouped", "depthwise"])
def test_convolutions(geometry, algorithm, kind):
    kernel, G = kernels.convolution(geometry, FLOAT, algorithm), geometry[13]
    assert kernel.kind == kind and kernel.macs == 32 * 32 // G * 9 * 256 and not kernel.by_row
    filters = Packed().filters(Weights(parameter(32, 32 // G, 3, 3), parameter(32)), kernel.kind, kernel.pack)
    step = kernel.step(filters, 2, 3, True)
    assert (step.n_in, step.n_out, step.takes_residual) == (8192, 8192, True) and "residual" in kernel.takes


def test_a_convolution_that_winograd_cannot_compute():
    with pytest.raises(ValueError, match="there are 4 groups"):
        kernels.convolution((*GEOMETRY[:13], 4, *GEOMETRY[14:]), FLOAT, "winograd")


def test_products_are_packed_for_the_order_of_their_input():
    flat, turned = Value(0, (12,)), Value(0, (12,), ((3, 1), (4, 3)))
    first, second = kernels.product(12, 5, flat), kernels.product(12, 5, turned)
    assert first.kind != second.kind and first.by_row and first.macs == 60 and first.takes == "relu"
    packed, weights = Packed(), Weights(parameter(5, 12), None)
    filters = [packed.filters(weights, kernel.kind, kernel.pack) for kernel in (first, second, first)]
    assert filters[0] is filters[2] is not filters[1]
    step = second.step(filters[1], 4, 1, False)
    assert (step.n_in, step.n_out) == (12, 5)


def test_steps_without_filters():
    window = (1, 4, 6, 6, 2, 2, 2, 2, 0, 0, 1, 1, 3, 3)
    for kernel, sizes in ((kernels.maximum(window), (144, 36)), (kernels.average(window, True), (144, 36)),
                          (kernels.global_mean(4, 36), (144, 4)), (kernels.activation("gelu", 144, 0), (144, 144))):
        step = kernel.step(None, 3, 1, False)
        assert (step.n_in, step.n_out) == sizes and kernel.macs == 144 and kernel.takes == ""


def test_copies():
    assert kernels.copy([(3, 4, 1), (4, 1, 3)], 12, 0, 12, 0, None).macs == 0
    with pytest.raises(ValueError, match="leave the 11 elements of x"):
        kernels.copy([(3, 4, 1), (4, 1, 3)], 11, 0, 12, 0, None).step(None, 1, 1, False)


def test_a_map_per_channel():
    kernel = kernels.channelwise(4, 9)
    weights = Weights(td.tensor(np.ones((4, 1, 1), np.float32)), None)
    weights.fold(np.arange(4.0), np.ones(4))
    step = kernel.step(Packed().filters(weights, kernel.kind, kernel.pack), 1, 1, True)
    assert (step.n_in, step.n_out, step.takes_residual) == (36, 36, True)
