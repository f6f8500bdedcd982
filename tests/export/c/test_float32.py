"""C files of float32, beside the network itself."""

import numpy as np
import pytest

import tinydl as td
from tinydl import ops
from tinydl.export.c import float32
from tinydl.export.program import laid, seen


def test_networks_and_activations(cases, compiled, tmp_path, evaluated):
    points = np.concatenate([np.linspace(-30, 30, 400), [-100, -88, 88, 100, 0, 1e-6]]).astype(np.float32)
    cases = [*cases, (Every(), (406, 1), points[None, :, None])]
    files = {}
    for k, (net, shape, x) in enumerate(cases):
        td.to_c(net, tmp_path / f"n{k}.c", shape, name=f"n{k}")
        files[f"n{k}"] = f"n{k}.c", laid(x)
    content = compiled(files, "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    found, at = np.frombuffer(content, np.float32), 0
    for net, _, x in cases[:-1]:
        expected = evaluated(net, x)
        got = seen(found[at:at + expected.size].reshape(len(x), -1), expected.shape[1:])
        assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()
        at += expected.size
    np.testing.assert_allclose(found[at:], evaluated(Every(), points[None, :, None]).reshape(-1), rtol=1e-6, atol=3e-6)


class Every(td.nn.Module):
    """Every activation of its own slice."""

    def forward(self, x):
        return ops.concatenate([getattr(ops, name)(x) for name in sorted(float32._MAPS)], axis=1)


def test_activations_without_c(tmp_path, monkeypatch):
    monkeypatch.delitem(float32._MAPS, "gelu")
    with pytest.raises(ValueError, match=r"to_c: there is no C of gelu in float32; known are .*td\.quantize"):
        td.to_c(td.nn.GELU(), tmp_path / "model.c", (4,))
    assert not any(tmp_path.iterdir())
