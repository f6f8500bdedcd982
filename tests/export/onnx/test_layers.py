"""Operations with windows, weights or statistics, beside onnxruntime."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops

rng = np.random.default_rng(2)
LAYERS = {
    "conv": (nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2), (4, 9, 8)),
    "conv same": (nn.Conv2d(2, 3, 4, stride=3, padding="same"), (2, 10, 11)),
    "conv reflect": (nn.Conv2d(2, 3, 3, padding=2, padding_mode="reflect"), (2, 6, 5)),
    "conv replicate": (nn.Conv2d(2, 3, 3, padding=2, padding_mode="replicate"), (2, 6, 5)),
    "conv circular": (nn.Conv2d(2, 3, 3, padding=(1, 2), padding_mode="circular"), (2, 6, 5)),
    "conv1d": (nn.Conv1d(2, 4, 5, stride=2, padding=3, dilation=2), (2, 17)),
    "depthwise": (nn.Conv2d(4, 4, 3, groups=4, bias=False), (4, 6, 5)),
    "transpose": (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), (4, 5, 4)),
    "transpose1d": (nn.ConvTranspose1d(3, 2, 4, stride=3, dilation=2, output_padding=2), (3, 7)),
    "linear": (nn.Linear(5, 3), (5,)),
    "linear of rows": (nn.Linear(5, 3), (4, 5)),
    "linear without bias": (nn.Linear(5, 3, bias=False), (2, 4, 5)),
    "batch norm": (nn.BatchNorm2d(3), (3, 4, 5)),
    "batch norm of vectors": (nn.BatchNorm1d(3, affine=False), (3,)),
    "layer norm": (nn.LayerNorm((4, 5)), (3, 4, 5)),
    "group norm": (nn.GroupNorm(2, 6), (6, 4, 3)),
    "group norm 1-D, plain": (nn.GroupNorm(3, 6, affine=False), (6, 5)),
    "max pool": (nn.MaxPool2d(3, 2, padding=1), (2, 8, 7)),
    "max pool, ceil": (nn.MaxPool2d(2, 2, ceil_mode=True), (2, 7, 5)),
    "max pool, ceil and padding": (nn.MaxPool2d((3, 2), (2, 3), padding=(1, 0), ceil_mode=True), (2, 8, 8)),
    "max pool, ceil and dilation": (nn.MaxPool1d(2, 3, dilation=3, ceil_mode=True), (2, 12)),
    "max pool, far apart": (nn.MaxPool1d(2, 5, padding=1, ceil_mode=True), (2, 10)),
    "average pool": (nn.AvgPool2d(3, 2, padding=1), (2, 8, 7)),
    "average pool without padding": (nn.AvgPool2d(3, 2, padding=1, count_include_pad=False), (2, 8, 7)),
    "average pool, ceil": (nn.AvgPool2d(3, 2, ceil_mode=True), (2, 8, 6)),
    "average pool, ceil and padding": (nn.AvgPool2d(3, 2, padding=1, ceil_mode=True), (2, 8, 7)),
    "average pool, ceil, padding out": (nn.AvgPool1d(3, 2, 1, True, False), (2, 8)),
    "global average": (nn.AdaptiveAvgPool2d(1), (3, 4, 5)),
    "adaptive average": (nn.AdaptiveAvgPool2d((2, 3)), (3, 4, 6)),
    "adaptive average, uneven": (nn.AdaptiveAvgPool2d((3, 2)), (3, 7, 5)),
    "adaptive maximum, uneven": (nn.AdaptiveMaxPool2d((3, 2)), (3, 7, 5)),
    "adaptive maximum": (nn.AdaptiveMaxPool1d(3), (3, 6)),
}
FUNCTIONS = {
    "mean of positions": (lambda x: ops.global_avg_pool(x), (3, 4, 5)),
    "unfold": (lambda x: ops.unfold(x, (3, 2), stride=(2, 1), padding=1), (2, 6, 5)),
    "fold": (lambda x: ops.fold(x, (6, 5), (3, 2), stride=(1, 2)), (12, 8)),
    "matmul": (lambda x: ops.matmul(x, x.transpose(-1, -2)), (3, 4, 5)),
    "matmul with a matrix": (lambda x: ops.matmul(x, np.ones((5, 2), np.float32)), (3, 4, 5)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, agree, lived):
    agree(lived(LAYERS[name][0]), LAYERS[name][1])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, agree, net):
    agree(net(FUNCTIONS[name][0]), FUNCTIONS[name][1])


def test_statistics_of_the_batch_are_refused(tmp_path):
    pytest.importorskip("onnx")
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False))
    with pytest.raises(ValueError, match=r"BatchNorm \(1\) normalises by the statistics of the batch .*track_running"):
        td.to_onnx(model, tmp_path / "m.onnx", (1, 5, 5))
    assert not any(tmp_path.iterdir())
