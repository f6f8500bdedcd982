"""Losses as layers: each is its operation with its settings; beside PyTorch in test_torch_oracle.py."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops

X, T = td.tensor([[0.2, 0.6], [0.9, 0.3]]), [[1.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(("layer", "expected"), [
    (nn.L1Loss("sum"), lambda: ops.l1(X, T, "sum")),
    (nn.SmoothL1Loss(beta=0.5), lambda: ops.smooth_l1(X, T, "mean", 0.5)),
    (nn.BCELoss([1, 2], "none"), lambda: ops.bce(X, T, np.float32([1, 2]), "none")),
    (nn.KLDivLoss("batchmean"), lambda: ops.kl_div(X, T, "batchmean")),
    (nn.MultiLabelSoftMarginLoss([1, 2]), lambda: ops.multilabel_soft_margin(X, T, [1, 2])),
    (nn.FocalLoss(-1, 3, "sum"), lambda: ops.focal(X, T, -1, 3, "sum"))], ids=lambda v: type(v).__name__)
def test_each_is_its_operation(layer, expected):
    assert np.array_equal(layer(X, T).data, expected().data)


def test_losses_of_several_inputs():
    assert nn.CosineEmbeddingLoss(0.5)(X, X, [1, -1]).item() == pytest.approx(0.25)
    assert nn.TripletMarginLoss(2.0)(X, X, X).item() == pytest.approx(2.0)


def test_thresholds_of_binary_losses():
    assert (nn.BCELoss().decision_threshold, nn.FocalLoss().decision_threshold) == (0.5, 0.0)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: nn.L1Loss("avg"), "'mean', 'sum' or 'none'"),
    (lambda: nn.KLDivLoss("all"), "KLDivLoss: reduction must be"),
    (lambda: nn.BCELoss([-1]), "BCELoss: weight must be finite and not negative"),
    (lambda: nn.FocalLoss(1.5), "FocalLoss: alpha must be"), (lambda: nn.SmoothL1Loss(beta=-1), "beta must be")])
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
