"""Numbers and loops of C."""

import numpy as np

from tinydl.export.c.text import array, copy_loops, number, record, renamed
from tinydl.export.program import Step


def test_numbers_are_read_back_as_they_are():
    assert [number(v) for v in (3, -128, -2**31)] == ["3", "-128", "(-2147483647 - 1)"]
    assert [number(np.float32(v)) for v in (0.5, 1, 1e-10, 1e10)] == ["0.5f", "1.0f", "1e-10f", "1e+10f"]
    every = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    assert all(np.float32(number(v)[:-1]) == v for v in every)


def test_arrays_and_records():
    assert array("int8_t", "a", np.int8([1, -2])) == "static const int8_t a[2] = {\n    1,-2\n};\n"
    assert record("t", "r", {"x": "a", "n": 3}) == "static const t r = {\n    .x = a, .n = 3\n};\n"
    assert max(map(len, array("int8_t", "a", np.arange(100)).splitlines())) <= 120
    assert renamed("NAME_conv(NAME_t)", "net") == "net_conv(net_t)"


def test_copies_are_loops():
    step = Step("copy", 0, 1, axes=[(2, 1, 3), (2, 2, 1)], x_at=0, y_at=1)
    assert copy_loops(step, "x", "y", lambda entry: entry, 8, "0") == [
        "{", "    for (int k = 0; k < 8; k++) y[k] = 0;", "    for (int i0 = 0; i0 < 2; i0++)",
        "        for (int i1 = 0; i1 < 2; i1++)", "            y[1 + i0 * 3 + i1 * 1] = x[0 + i0 * 1 + i1 * 2];", "}"]
