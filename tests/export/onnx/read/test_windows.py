"""Windows and paddings, beside onnxruntime."""

import pytest

import tinydl as td

POOLS = {
    "plain": ("MaxPool", (2, 8, 7), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "ends differ": ("MaxPool", (2, 8, 7), {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [0, 1, 2, 0]}),
    "ceil": ("MaxPool", (2, 8, 7), {"kernel_shape": [3, 2], "strides": [2, 3], "ceil_mode": 1}),
    "same upper": ("MaxPool", (2, 8, 7), {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    "same lower": ("MaxPool", (2, 8, 7), {"kernel_shape": [2, 2], "strides": [1, 2], "auto_pad": "SAME_LOWER"}),
    "valid": ("MaxPool", (2, 9), {"kernel_shape": [3], "strides": [2], "auto_pad": "VALID"}),
    "dilation": ("MaxPool", (2, 9), {"kernel_shape": [3], "dilations": [2]}),
    "mean": ("AveragePool", (2, 8, 7), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "mean with padding": ("AveragePool", (2, 8, 7), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1],
                                                     "count_include_pad": 1}),
    "mean, ends differ": ("AveragePool", (2, 8, 7), {"kernel_shape": [3, 2], "strides": [2, 2],
                                                     "pads": [0, 1, 2, 0]}),
    "mean, ends differ, with padding": ("AveragePool", (2, 8, 7), {
        "kernel_shape": [3, 2], "strides": [2, 2], "pads": [0, 1, 2, 0], "count_include_pad": 1}),
    "mean, same": ("AveragePool", (2, 8, 7), {"kernel_shape": [2, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    "global mean": ("GlobalAveragePool", (2, 3, 4), {}),
    "global maximum": ("GlobalMaxPool", (2, 3, 4), {}),
}


@pytest.mark.parametrize("name", POOLS)
def test_pools(name, same):
    op, shape, attributes = POOLS[name]
    same([(op, ["x"], ["y"], attributes)], shape)


REFUSED = {
    "has windows of 3 axes": ("MaxPool", (1, 4, 4, 4), ["y"], {"kernel_shape": [2, 2, 2]}),
    "asks for the places of the maxima": ("MaxPool", (1, 4), ["y", "at"], {"kernel_shape": [2]}),
}


@pytest.mark.parametrize("words", REFUSED)
def test_refused(words, written):
    op, shape, outputs, attributes = REFUSED[words]
    net = td.from_onnx(written([(op, ["x"], outputs, attributes)], shape))
    with pytest.raises(ValueError, match=f"from_onnx: {op} .*{words}"):
        net(td.tensor([[[0.0] * 4]]) if len(shape) == 2 else td.tensor([[[[[0.0] * 4] * 4] * 4]]))
