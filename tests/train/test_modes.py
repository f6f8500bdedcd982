from tinydl import nn
from tinydl.train.modes import Modes


def modes(net):
    return [module.training for module in net.modules()]


def make():
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout())


def test_a_net_in_evaluation_mode_is_trained_as_a_whole():
    net = make().eval()
    Modes(net).restore()
    assert modes(net) == [True] * 4


def test_a_net_in_training_mode_stays_as_it_is():
    net = make()
    net[1].eval()
    kept = Modes(net)
    kept.remember()
    kept.restore()
    assert modes(net) == [True, True, False, True]
    net[1].train()
    net[0].eval()
    kept.restore()
    assert modes(net) == [True, False, True, True]


def test_a_look_at_the_net_is_undone():
    net = make()
    net[1].eval()
    kept = Modes(net)
    kept.remember()
    net.eval()
    kept.remember()  # knows better than to note this
    kept.restore()
    assert modes(net) == [True, True, False, True]


def test_modules_that_are_new_are_trained():
    net = make()
    net[1].eval()
    kept = Modes(net)
    kept.remember()
    net.append(nn.ReLU()).eval()
    kept.restore()
    assert modes(net) == [True, True, False, True, True]
