"""Gradients in one buffer: the same values, in the places of the parameters, with nothing in between."""

import numpy as np
import pytest

import tinydl as td
from tinydl import layout, nn
from tinydl.optim.flat import FlatGradients

rng = np.random.default_rng(0)
X = rng.standard_normal((6, 3, 8, 8)).astype(np.float32)
Y = rng.integers(0, 4, 6)


def net_of():
    td.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), nn.ReLU(),
                         nn.Conv2d(5, 6, 3), nn.GroupNorm(2, 6), nn.ConvTranspose2d(6, 4, 2), nn.Flatten(),
                         nn.Linear(4 * 49, 4))


def gradients(net, opt=None):
    loss = nn.CrossEntropyLoss()(net(X), Y)
    if opt is not None:
        opt.zero_grad()
    loss.backward()
    return [p.grad.copy() for p in net.parameters()]


def test_backward_writes_into_the_buffer_what_it_writes_without_one():
    plain, net = net_of(), net_of()
    opt = td.optim.SGD(net.parameters(), lr=0.1)
    buffer = opt.flat_grad["float32"]
    for _ in range(2):  # a second pass finds the places free again
        plain.zero_grad()
        wanted, got = gradients(plain), gradients(net, opt)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(got, wanted, strict=True))
        assert opt.flat_grad["float32"] is buffer
        for p in net.parameters():
            assert p.grad.base is buffer and layout.alike(p.grad, p.raw)
    np.testing.assert_allclose(np.sort(buffer[buffer != 0]),
                               np.sort(np.concatenate([w.ravel() for w in wanted])), rtol=0)


def test_nothing_is_copied_where_an_operation_knows_the_place():
    net = net_of()
    flat = FlatGradients(net.parameters())
    flat.use()
    gradients(net)
    written = [p.grad is view for p, view in zip(net.parameters(), flat.views, strict=True)]
    assert all(written)
    flat.release()
    net.zero_grad()
    gradients(net)
    assert not any(p.grad is view for p, view in zip(net.parameters(), flat.views, strict=True))


def test_a_weight_that_is_read_twice_gets_the_sum():
    weight = td.Parameter([[1.0, 2.0], [3.0, 4.0]])
    opt = td.optim.SGD([weight], lr=1.0)
    opt.flat_grad  # noqa: B018
    x = td.tensor([[1.0, 1.0]])
    td.ops.linear(td.ops.linear(x, weight), weight).sum().backward()
    # y = x W' W': dy/dW = 1 (x W') + (1' W)' x, with x W' = (3, 7) and the column sums of W (4, 6).
    assert weight.grad.tolist() == [[3 + 4, 7 + 4], [3 + 6, 7 + 6]]
    weight.grad = None
    td.ops.linear(weight, weight).sum().backward()  # both arguments of one operation: W W', d/dW = 2 * column sums
    assert weight.grad.tolist() == [[8, 12], [8, 12]]
    assert opt.flat_grad["float32"].tolist() in ([8, 8, 12, 12], [8, 12, 8, 12])


def test_hooks_and_gradients_as_results_leave_the_places_alone():
    weight = td.Parameter([2.0, 3.0])
    opt = td.optim.SGD([weight], lr=1.0)
    buffer = opt.flat_grad["float32"]
    (grad,) = td.autograd.grad((weight * 5).sum(), weight)
    assert grad.data.tolist() == [5, 5] and weight.grad is None and buffer.tolist() == [0, 0]
    with weight.register_hook(lambda g: g * 2):
        (weight * 7).sum().backward()
    assert buffer.tolist() == [14, 14]


def test_gradients_that_others_set_are_brought_in_and_missing_ones_are_zero():
    a, b = td.Parameter([1.0, 2.0]), td.Parameter(np.ones(3), dtype=np.float64)
    opt = td.optim.SGD([a, b], lr=1.0)
    assert sorted(opt.flat_grad) == ["float32", "float64"]
    a.grad = np.array([4, 5])
    assert opt.flat_grad["float32"].tolist() == [4, 5] and a.grad.base is opt.flat_grad["float32"]
    assert opt.flat_grad["float64"].tolist() == [0, 0, 0] and b.grad is None
    opt.flat_grad["float32"][...] = 1
    opt.step()
    assert a.data.tolist() == [0, 1] and b.data.tolist() == [1, 1, 1]


@pytest.mark.parametrize("change", ["group", "data"])
def test_the_buffer_follows_the_parameters(change):
    a, b = td.Parameter([1.0]), td.Parameter([2.0])
    opt = td.optim.SGD([a], lr=1.0)
    opt.flat_grad  # noqa: B018
    if change == "group":
        opt.add_param_group({"params": [b]})
        (a * b).sum().backward()
        assert opt.flat_grad["float32"].sum() == 3
    else:
        a.raw = a.raw.astype(np.float64)
        (a * 3).sum().backward()
        assert opt.flat_grad["float64"].tolist() == [3]
