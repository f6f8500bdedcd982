"""State dicts as safetensors files; a pickle is refused with its cure."""

import numpy as np
import pytest

import tinydl as td


def test_a_state_comes_back(tmp_path):
    net = td.nn.Sequential(td.nn.Conv2d(1, 2, 3), td.nn.BatchNorm2d(2))
    td.save(net.state_dict(), tmp_path / "net.safetensors")
    other = td.nn.Sequential(td.nn.Conv2d(1, 2, 3), td.nn.BatchNorm2d(2))
    other.load_state_dict(td.load(tmp_path / "net.safetensors", map_location="cpu"))
    for a, b in zip(net.state_dict().items(), other.state_dict().items(), strict=True):
        assert a[0] == b[0] and np.array_equal(a[1], b[1])
    td.save({"x": td.tensor([1, 2])}, tmp_path / "x")
    assert td.load(tmp_path / "x")["x"].tolist() == [1, 2]


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "a/net.CKPT"])
def test_pickles_are_refused_with_two_lines_that_convert(name):
    with pytest.raises(ValueError, match="give .* the name 'n?e?t?a?/?n?e?t?.safetensors'"):
        td.save({}, name)
    with pytest.raises(ValueError, match="Two lines convert") as caught:
        td.load(name)
    first, second = str(caught.value).splitlines()[-2:]
    assert first.strip() == "import torch, safetensors.torch"
    better = name.rpartition(".")[0] + ".safetensors"
    assert second.strip() == f"safetensors.torch.save_file(torch.load({name!r}, weights_only=True), {better!r})"


@pytest.mark.parametrize(("state", "message"), [
    (td.zeros(1), "saved as {'x': x}"), ({"a": "text"}, "'a' is no array of numbers but str"),
    ({1: [2]}, "takes names")])
def test_other_things_are_refused(state, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        td.save(state, tmp_path / "x.safetensors")
    assert not any(tmp_path.iterdir())
    with pytest.raises(ValueError, match="computes on the CPU"):
        td.load(tmp_path / "x.safetensors", map_location="cuda")
