"""A program in float32 with NumPy, beside the network itself."""

import numpy as np

from tinydl.export import floats
from tinydl.export.program import laid, program, seen


def test_networks(case, evaluated):
    net, shape, x = case
    steps = program(net, shape, "test")
    got, expected = seen(floats.run(steps, laid(x))[steps.y], steps.output_shape), evaluated(net, x)
    assert got.shape == expected.shape and np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()
