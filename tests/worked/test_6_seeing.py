"""The worked numbers of docs/6-seeing.md."""

import warnings

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.inspect import feature_maps, gradient_flow, plots, saliency


def matrices(*factors):
    """A net of diagonal 2x2 layers, so that every number can be said beforehand."""
    net = nn.Sequential(*[nn.Linear(2, 2, bias=False) for _ in factors])
    for layer, (a, b) in zip(net, factors, strict=True):
        layer.weight.data = np.float32([[a, 0], [0, b]])
    return net


def test_gradient_flow_of_diagonal_layers():
    """W1 = diag(3, 1), W2 = diag(2, 0.5), x = (1, 1), t = 0: y = (6, 0.5), dL/dy = y for L = 1/2 |y - t|^2."""
    def half(y, t):
        return 0.5 * nn.MSELoss(reduction="sum")(y, t)

    flow = gradient_flow(matrices((3, 1), (2, 0.5)), np.float32([[1, 1]]), np.zeros((1, 2)), half)
    first, second = flow.layers
    assert flow.loss == pytest.approx(18.125)
    assert (first.activation, second.activation) == pytest.approx((3.162278, 6.020797))      # |(3, 1)|, |(6, 1/2)|
    assert second.activation_gradient == pytest.approx(6.020797)                              # |(6, 1/2)|
    assert first.activation_gradient == pytest.approx(12.002604)                              # |(12, 1/4)|
    assert flow.input_gradient == pytest.approx(36.000868)                                    # |(36, 1/4)|
    assert second.weight_gradient == pytest.approx(19.039433)                                 # |(6, 1/2)| |(3, 1)|
    assert first.weight_gradient == pytest.approx(16.974245)                                  # |(12, 1/4)| |(1, 1)|
    assert (first.spectral_norm, second.spectral_norm) == pytest.approx((3, 2), rel=1e-3)
    assert (first.product, second.product) == pytest.approx((6, 2), rel=1e-3)
    assert flow.ratio == pytest.approx(5.979419) and flow.verdict == "healthy"
    assert "spectral norm" in str(flow) and "healthy" in str(flow)


@pytest.mark.parametrize("factor,verdict", [(0.5, "vanishing"), (2, "exploding")])
def test_vanishing_and_exploding_gradients_warn(factor, verdict):
    net = matrices(*[(factor, factor)] * 12)
    with pytest.warns(RuntimeWarning, match=f"the gradient is {verdict}"):
        flow = gradient_flow(net, np.float32([[1, 2]]), [0])
    assert flow.verdict == verdict
    assert flow.ratio == pytest.approx(2.44140625e-4 if factor < 1 else 4096, rel=1e-6)      # factor^12
    assert flow.product == pytest.approx(2.44140625e-4 if factor < 1 else 4096, rel=1e-3)


def test_a_healthy_net_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gradient_flow(matrices(*[(1, -1)] * 40), np.float32([[1, 2]]), [0]).ratio == pytest.approx(1)


def test_gradient_flow_takes_a_batch_and_makes_a_picture():
    pytest.importorskip("matplotlib")
    figure = gradient_flow(matrices((1, 2), (2, 1)), (np.float32([[1, 2]]), [1])).plot("two layers")
    assert [axes.get_yscale() for axes in figure.axes] == ["log"] * 3
    assert "two layers: healthy" in figure.get_suptitle()


# --- space warping -------------------------------------------------------------------------------------------------

# x1 XOR x2: no line separates the classes.
CORNERS, XOR = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])


def folding():
    """ReLU(W x + b) = (x1 + x2, max(x1 + x2 - 1, 0)): folds the plane along x1 + x2 = 1."""
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    net.load_state_dict({"0.weight": [[1, 1], [1, 1]], "0.bias": [0, -1], "2.weight": [[0, 0], [1, -2]],
                         "2.bias": [0, -0.5]})
    return net


def test_relu_folds_the_plane():
    maps = feature_maps(folding(), CORNERS)
    assert maps["0"].tolist() == [[0, -1], [1, 0], [1, 0], [2, 1]]
    assert maps["1"].tolist() == [[0, 0], [1, 0], [1, 0], [2, 1]]     # a line separates (1, 0) from the others
    assert maps["2"][:, 1].tolist() == [-0.5, 0.5, 0.5, -0.5]
    assert maps["2"].argmax(axis=1).tolist() == XOR.tolist()


def test_pictures_of_the_plane():
    pytest.importorskip("matplotlib")
    figure = plots.feature_space(folding(), CORNERS, XOR)
    assert [axes.get_title() for axes in figure.axes] == ["input", "0: Linear", "1: ReLU", "2: Linear"]
    figure = plots.decision_regions(folding(), CORNERS, XOR)
    assert "100.0 % of 4 points right" in figure.get_suptitle()
    regions = figure.axes[0].images[0].get_array()
    assert (regions[0, 0], regions[-1, -1], regions[0, -1], regions[-1, 0]) == (0, 0, 1, 1)


# --- filters, feature maps, saliency -------------------------------------------------------------------------------

def test_feature_maps_of_a_chosen_layer():
    net = nn.Sequential(nn.Conv2d(1, 1, 2, bias=False), nn.ReLU())
    net[0].weight.data = np.float32([[[[1, 0], [0, -1]]]])
    image = np.float32([[1, 2, 3], [4, 5, 6], [1, 5, 3]])[None, None]
    assert feature_maps(net, image, "0")[0, 0].tolist() == [[-4, -4], [-1, 2]]
    assert feature_maps(net, image, "1")[0, 0].tolist() == [[0, 0], [0, 2]]


def test_saliency_is_the_gradient_at_the_input():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    net[1].weight.data = np.float32([[1, 2, 3, 4], [-1, 0, 5, 0]])
    image = np.float32([[[[1, 1], [1, 1]]]])
    assert saliency(net, image)[0, 0].tolist() == [[1, 2], [3, 4]]          # class 0 wins, 10 to 4
    assert saliency(net, image, 1)[0, 0].tolist() == [[-1, 0], [5, 0]]
    assert net[1].weight.grad is None


def test_filters_as_an_image_grid():
    pytest.importorskip("matplotlib")
    figure = plots.filters(nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU()))
    assert len(figure.axes[0].images) == 6


# --- training ------------------------------------------------------------------------------------------------------

def test_pictures_of_training():
    pytest.importorskip("matplotlib")
    td.manual_seed(0)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(64, 1, 6, 6)).astype(np.float32)
    labels = (images[:, 0, :3].sum(axis=(1, 2)) > 0).astype(int)
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    trainer = td.train.Trainer(net, td.optim.SGD(net.parameters(), lr=0.1))
    finder = td.train.LRFinder(steps=20)
    before = net.state_dict()
    assert 1e-5 <= finder.run(trainer, (images, labels), batch_size=16) <= 10
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
    assert plots.lr_range(finder.lrs, finder.losses).axes[0].get_xscale() == "log"
    trainer.fit((images, labels), (images, labels), epochs=2, batch_size=16, progress=False)
    assert len(plots.curves(trainer.history).axes) == 2
    logits = trainer.predict(images)
    matrix = td.train.confusion_matrix(labels, logits, 2)
    assert matrix.sum() == 64
    assert f"{np.trace(matrix)} of 64 right" in plots.confusion(matrix).axes[0].get_title()
    assert plots.misclassified(images, labels, logits) is not None
