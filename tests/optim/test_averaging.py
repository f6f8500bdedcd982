"""Averages of weights: plain, with decay, and slow weights behind fast ones."""

import numpy as np
import pytest

import tinydl as td
from tinydl.optim import SGD, AveragedModel, Lookahead


def net(*weights):
    layer = td.nn.Linear(len(weights), 1, bias=False)
    layer.weight.data = np.array([weights], np.float32)
    return layer


@pytest.mark.parametrize(("decay", "expected"), [(None, [1, 1.5, 3]), (0.75, [1, 1.25, 2.4375])])
def test_the_average_of_the_weights(decay, expected):
    # Of 1, 2 and 6: (1 + 2) / 2, (1 + 2 + 6) / 3; with decay 0.75 + 2/4, then 0.75 * 1.25 + 6/4.
    model = net(0.0)
    average, found = AveragedModel(model, decay), []
    for value in (1, 2, 6):
        model.weight.data = np.array([[value]], np.float32)
        average.update_parameters(model)
        found.append(average.module.weight.item())
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert average(td.ones(1, 1)).item() == found[-1] and model.weight.item() == 6
    other = AveragedModel(net(0.0), decay)
    other.load_state_dict(average.state_dict())
    assert other.n_averaged == 3 and other.module.weight.item() == found[-1]


def test_statistics_of_batch_norm_are_copied():
    model = td.nn.Sequential(td.nn.Linear(2, 3), td.nn.BatchNorm1d(3))
    average = AveragedModel(model, 0.9)
    model(td.randn(8, 2))
    average.update_parameters(model)
    assert np.array_equal(average.module[1].running_mean, model[1].running_mean)
    assert not average.eval().module.training


def test_another_net_is_refused():
    with pytest.raises(ValueError, match="not those of the model"):
        AveragedModel(net(1.0)).update_parameters(net(1.0, 2.0))


def test_lookahead():
    # Gradient -1 at lr 1: 1, 2 and half the way from 0 to 2; 2, 3 and half the way from 1 to 3.
    w = td.Parameter([0.0])
    optimizer = Lookahead(SGD([w], lr=1.0), k=2, alpha=0.5)
    path = []
    for _ in range(4):
        w.grad = np.array([-1.0], np.float32)
        optimizer.step()
        path.append(w.item())
    assert path == [1, 1, 2, 2]
    assert optimizer.param_groups[0]["lr"] == 1.0 and td.optim.StepLR(optimizer, 1).get_last_lr() == [1.0]


def test_lookahead_goes_on_from_its_state():
    w = td.Parameter([0.0])
    first = Lookahead(SGD([w], lr=1.0), k=2)
    w.grad = np.array([-1.0], np.float32)
    first.step()
    v = td.Parameter([w.item()])
    second = Lookahead(SGD([v], lr=1.0), k=2)
    second.load_state_dict(first.state_dict())
    v.grad = np.array([-1.0], np.float32)
    second.step()
    assert v.item() == 1
    with pytest.raises(ValueError, match="lacks steps and slow"):
        second.load_state_dict(second.optimizer.state_dict())
    with pytest.raises(TypeError, match="takes an optimiser, got list"):
        Lookahead([w])
