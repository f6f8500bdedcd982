"""AveragedViews: its weights, its views, and where it can stand for the net."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.nn import AveragedViews


class Asks(nn.Module):
    """A net that keeps what it was shown and answers with the value of one pixel."""

    def __init__(self):
        self.seen = []

    def forward(self, x):
        self.seen.append(x.data.copy())
        return x[:, :, 0, 0]


def test_the_six_views():
    net = Asks()
    x = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
    y = AveragedViews(net)(x)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), "reflect")
    places = [x, padded[:, :, :3, :4], padded[:, :, 2:, 2:]]
    expected = [side for view in places for side in (view, view[..., ::-1])]
    assert len(net.seen) == 6
    for got, view in zip(net.seen, expected, strict=True):
        np.testing.assert_array_equal(got, view)
    # The pixels at the top left: 0 and 3 in place, 5 and 6 moved down and right, 5 and 6 moved up and left.
    # (0 + 3)/4 + (5 + 6)/8 + (5 + 6)/8 = 3.5
    assert [view[0, 0, 0, 0] for view in expected] == [0, 3, 5, 6, 5, 6]
    assert y.data.tolist() == [[3.5]]


@pytest.mark.parametrize("options, n, value", [
    ({"shift": 0}, 2, (0 + 3) / 2), ({"mirror": False}, 3, 0 / 2 + 5 / 4 + 5 / 4),
    ({"shift": 0, "mirror": False}, 1, 0), ({"shift": 2, "mirror": False}, 3, 0 / 2 + 10 / 4 + 10 / 4)])
def test_fewer_views_and_larger_shifts(options, n, value):
    net = Asks()
    y = AveragedViews(net, **options)(np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4))
    assert len(net.seen) == n and y.data.tolist() == [[value]]


@pytest.mark.parametrize("shift", [1, 2, 4])
def test_what_comes_in_is_reflected(shift):
    net, x = Asks(), np.random.default_rng(0).normal(size=(2, 3, 5, 6)).astype(np.float32)
    AveragedViews(net, shift, mirror=False)(x)
    padded = np.pad(x, ((0, 0), (0, 0), (shift, shift), (shift, shift)), "reflect")
    np.testing.assert_array_equal(net.seen[1], padded[:, :, :5, :6])
    np.testing.assert_array_equal(net.seen[2], padded[:, :, 2 * shift:, 2 * shift:])


def test_it_stands_for_the_net():
    td.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 3))
    views = AveragedViews(net)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 1, 6, 6)).astype(np.float32), rng.integers(0, 3, 10)
    loss = nn.CrossEntropyLoss()
    averaged = td.train.predict(views, x, batch_size=4)
    with td.no_grad():
        expected = views.eval()(x).data
    np.testing.assert_allclose(averaged, expected, rtol=1e-5, atol=1e-6)
    assert td.train.evaluate(views, (x, y), loss)["accuracy"] == (averaged.argmax(1) == y).mean()
    np.testing.assert_allclose(td.train.predict(td.freeze(views), x), averaged, rtol=1e-4, atol=1e-5)
    assert list(views.state_dict())[0] == "net.0.weight"
    assert "shift=1, mirror=True" in repr(views)


def test_it_has_a_gradient():
    td.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 1))
    AveragedViews(net)(np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)).backward()
    # The mean image: that of the six views with their weights.
    x = np.arange(12.0).reshape(3, 4)
    padded = np.pad(x, 1, "reflect")
    mean = x / 2 + padded[:3, :4] / 4 + padded[2:, 2:] / 4
    np.testing.assert_allclose(net[1].weight.grad, ((mean + mean[:, ::-1]) / 2).reshape(1, 12), rtol=1e-6)


def test_refuses():
    with pytest.raises(TypeError, match="takes a module, got 3"):
        AveragedViews(3)
    with pytest.raises(ValueError, match="shift must be at least 0, got -1"):
        AveragedViews(Asks(), -1)
    with pytest.raises(ValueError, match="AveragedViews"):
        AveragedViews(Asks())(np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match="an image of 3x2 pixels cannot be moved by 2 and reflected"):
        AveragedViews(Asks(), 2)(np.zeros((1, 1, 3, 2), np.float32))
