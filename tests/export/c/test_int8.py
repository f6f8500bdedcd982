"""C files of integers: the numbers of Python, bit for bit. Named networks: tests/slow/test_c.py."""

import numpy as np

import tinydl as td
from tinydl.export.program import laid

SANITIZED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def test_the_same_integers(cases, compiled, tmp_path):
    """Of every kind of step, at and beyond the limits of their ranges."""
    files, expected = {}, b""
    for k, (net, _, x) in enumerate(cases):
        q = td.quantize(net, x)
        td.to_c(q, tmp_path / f"n{k}.c", name=f"n{k}")
        integers = q.input_integers(np.concatenate([x, 3 * x, np.sign(x) * 1e6]))
        files[f"n{k}"] = f"n{k}.c", laid(integers)
        expected += laid(q.integers(integers)).tobytes()
    assert compiled(files, *SANITIZED) == expected


def test_a_factor_of_nearly_two_to_the_31(compiled, tmp_path):
    """A mean whose scale stays: its multiplier and half a window are more than an int32 holds."""
    net = td.nn.Sequential(td.nn.AvgPool1d(3))
    x = np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 1, 6)
    q = td.quantize(net, x)
    step = q.program.steps[0]
    step.multiplier, step.shift = 2**31 - 1, 31
    td.to_c(q, tmp_path / "n.c", name="n")
    integers = q.input_integers(x)
    assert compiled({"n": ("n.c", laid(integers))}, *SANITIZED) == laid(q.integers(integers)).tobytes()
