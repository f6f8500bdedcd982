"""Images of another size, beside onnxruntime."""

import itertools

import numpy as np
import pytest

import tinydl as td

F, I = np.float32, np.int64
MODES = [
    *itertools.product(["nearest"], ["half_pixel", "asymmetric", "align_corners"],
                       ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]),
    *itertools.product(["linear"], ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"], ["floor"]),
]


@pytest.mark.parametrize("mode, coordinates, rounding", MODES)
def test_resize(mode, coordinates, rounding, same):
    """Twice, to seven tenths, and to lengths that are no multiples."""
    settings = {"mode": mode, "coordinate_transformation_mode": coordinates, "nearest_mode": rounding}
    same([("Resize", ["x", "", "twice"], ["a"], settings), ("Resize", ["a", "", "less"], ["b"], settings),
          ("Resize", ["b", "", "", "lengths"], ["y"], settings)], (2, 5, 6), twice=F([1, 1, 2, 2]),
         less=F([1, 1, 0.7, 0.7]), lengths=I([2, 2, 9, 1]))


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_files_of_old_opsets(mode, same):
    same([("Upsample", ["x", "twice"], ["y"], {"mode": mode})], (2, 3, 4), opset=9, twice=F([1, 1, 2, 2]))
    same([("Resize", ["x", "twice"], ["y"], {"mode": mode})], (2, 3, 4), opset=10, twice=F([1, 1, 2, 3]))


def test_some_axes(same):
    same([("Resize", ["x", "", "", "s"], ["y"], {"axes": [-1]})], (2, 3, 4), opset=18, s=I([7]))


NODES = {
    "depth": ("DepthToSpace", {"blocksize": 2}), "depth, columns": ("DepthToSpace", {"blocksize": 2, "mode": "CRD"}),
    "space": ("SpaceToDepth", {"blocksize": 2}),
}


@pytest.mark.parametrize("name", NODES)
def test_blocks(name, same):
    op, settings = NODES[name]
    same([(op, ["x"], ["y"], settings)], (8, 4, 6))


def test_repetitions(same):
    same([("Tile", ["x", "n"], ["y"], {})], (2, 3), n=I([1, 2, 3]))


@pytest.mark.parametrize("settings", [{"mode": "cubic"}, {"coordinate_transformation_mode": "tf_crop_and_resize"}],
                         ids=str)
def test_refused(settings, written):
    roi = F([0, 0, 0, 0, 1, 1, 1, 1])
    net = td.from_onnx(written([("Resize", ["x", "roi", "s"], ["y"], settings)], (2, 3, 4), s=F([1, 1, 2, 2]), roi=roi))
    ((name, value),) = settings.items()
    with pytest.raises(ValueError, match=rf"Resize \(y\) has {name}='{value}'; known are "):
        net(td.tensor(np.zeros((1, 2, 3, 4), F)))
