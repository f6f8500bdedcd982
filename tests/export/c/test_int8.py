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
