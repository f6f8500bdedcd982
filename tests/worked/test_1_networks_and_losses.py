"""The worked numbers of docs/1-networks.md."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops


def test_net_with_a_bias_input():
    """x = 2, y = 1: tanh, tanh and linear layers whose first weight row belongs to a constant input of 1."""
    one, x = td.tensor([[1.0]], dtype=np.float64), td.tensor([[2.0]], dtype=np.float64)
    w1 = td.tensor([[0.1, 0.2], [0.3, 0.4]], dtype=np.float64, requires_grad=True)
    w2 = td.tensor([[0.2], [1.0], [-3.0]], dtype=np.float64, requires_grad=True)
    w3 = td.tensor([[1.0], [2.0]], dtype=np.float64, requires_grad=True)
    s1 = ops.concatenate([one, x], axis=1) @ w1
    x1 = ops.tanh(s1)
    s2 = ops.concatenate([one, x1], axis=1) @ w2
    x2 = ops.tanh(s2)
    s3 = ops.concatenate([one, x2], axis=1) @ w3
    for s in (s1, s2, s3):
        s.retain_grad()
    nn.MSELoss(reduction="sum")(s3, np.array([[1.0]])).backward()
    np.testing.assert_allclose(s1.data, [[0.7, 1.0]], atol=1e-12)
    np.testing.assert_allclose(x1.data, [[0.604368, 0.761594]], atol=5e-7)
    np.testing.assert_allclose(s2.data, [[-1.480415]], atol=5e-7)
    np.testing.assert_allclose(x2.data, [[-0.901546]], atol=1e-6)
    np.testing.assert_allclose(s3.data, [[-0.803091]], atol=1e-6)
    np.testing.assert_allclose(s3.grad, [[-3.606183]], atol=1e-6)
    np.testing.assert_allclose(s2.grad, [[-1.350266]], atol=1e-6)
    np.testing.assert_allclose(s1.grad, [[-0.857067, 1.701231]], atol=1e-6)
    np.testing.assert_allclose(w1.grad, [[-0.857067, 1.701231], [-1.714135, 3.402462]], atol=1e-6)
    np.testing.assert_allclose(w2.grad, [[-1.350266], [-0.816057], [-1.028355]], atol=1e-6)
    np.testing.assert_allclose(w3.grad, [[-3.606183], [3.251138]], atol=1e-6)


def test_net_with_a_bias_input_as_layers():
    """The same net of Linear layers, whose bias is the weight of the constant input."""
    net = nn.Sequential(nn.Linear(1, 2), nn.Tanh(), nn.Linear(2, 1), nn.Tanh(), nn.Linear(1, 1)).double()
    net.load_state_dict({"0.weight": [[0.3], [0.4]], "0.bias": [0.1, 0.2], "2.weight": [[1.0, -3.0]], "2.bias": [0.2],
                         "4.weight": [[2.0]], "4.bias": [1.0]})
    output = net(np.array([[2.0]]))
    nn.MSELoss()(output, np.array([[1.0]])).backward()
    assert output.item() == pytest.approx(-0.803091, abs=1e-6)
    np.testing.assert_allclose(net[0].weight.grad, [[-1.714135], [3.402462]], atol=1e-6)
    np.testing.assert_allclose(net[0].bias.grad, [-0.857067, 1.701231], atol=1e-6)
    np.testing.assert_allclose(net[2].weight.grad, [[-0.816057, -1.028355]], atol=1e-6)
    np.testing.assert_allclose(net[2].bias.grad, [-1.350266], atol=1e-6)
    np.testing.assert_allclose(net[4].weight.grad, [[3.251138]], atol=1e-6)
    np.testing.assert_allclose(net[4].bias.grad, [-3.606183], atol=1e-6)


def test_vectorised_activation_takes_a_batch():
    net = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Identity())
    batch = np.linspace(-1, 1, 5, dtype=np.float32)[:, None]
    together = net(batch).data
    for k in range(5):
        np.testing.assert_allclose(net(batch[k:k + 1]).data, together[k:k + 1], rtol=1e-6)


def two_layer_relu():
    net = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False), nn.ReLU(),
                        nn.Linear(2, 1, bias=False))
    net.load_state_dict({"0.weight": [[1], [-1]], "2.weight": [[-1, 1], [1, -1]], "4.weight": [[-1, 1]]})
    return net


def test_two_layer_relu_exercise():
    net = two_layer_relu()
    output = net([[3.0]])
    output.retain_grad()
    loss = nn.MSELoss(reduction="sum")(output, np.float32([[6.0]]))
    loss.backward()
    assert output.item() == 3 and loss.item() == 9
    assert output.grad.tolist() == [[-6]]
    assert net[4].weight.grad.tolist() == [[0, -18]]
    assert net[2].weight.grad.tolist() == [[0, 0], [-18, 0]]
    assert net[0].weight.grad.tolist() == [[-18], [0]]
    td.optim.SGD(net.parameters(), lr=0.01).step()
    np.testing.assert_allclose(net[4].weight.data, [[-1, 1.18]], rtol=1e-6)
    np.testing.assert_allclose(net[2].weight.data, [[-1, 1], [1.18, -1]], rtol=1e-6)
    np.testing.assert_allclose(net[0].weight.data, [[1.18], [-1]], rtol=1e-6)


def tanh_error(w, x, y):
    return nn.MSELoss()(ops.tanh(ops.matmul(x, w)), y)


def test_tanh_regression_gradient():
    """E = mean (tanh(w'x) - y)^2; dE/dw = 2/N sum (tanh - y)(1 - tanh^2) x."""
    x = np.array([[1.0, 2.0], [0.5, -1.0], [-0.3, 0.2]])
    y = np.array([0.5, -0.5, 1.0])
    w = td.tensor([0.4, -0.2], dtype=np.float64, requires_grad=True)
    assert td.testing.gradcheck(lambda w: tanh_error(w, x, y), w)
    tanh_error(w, x, y).backward()
    t = np.tanh(x @ [0.4, -0.2])
    np.testing.assert_allclose(w.grad, 2 / 3 * ((t - y) * (1 - t**2)) @ x, rtol=1e-12)


def test_tanh_regression_saturates():
    w = td.tensor([20.0], requires_grad=True)
    tanh_error(w, np.float32([[1.0]]), np.float32([-1.0])).backward()
    assert w.grad.dtype == np.float32 and w.grad.tolist() == [0.0]


def test_softmax_cross_entropy():
    z = td.tensor([[1.0, 2.0, 3.0]], dtype=np.float64, requires_grad=True)
    loss = nn.CrossEntropyLoss()(z, [2])
    loss.backward()
    assert loss.item() == pytest.approx(0.407606, abs=5e-7)
    np.testing.assert_allclose(z.grad, [[0.090031, 0.244728, -0.334759]], atol=5e-7)
    np.testing.assert_allclose(nn.Softmax(-1)(z).data - [[0, 0, 1]], z.grad, atol=1e-12)  # yhat - y
    assert ops.argmax(z, axis=1).data.tolist() == [2]


@pytest.mark.parametrize("label,expected", [(0, 0.0), (1, 20000.0)])
def test_softmax_cross_entropy_of_huge_logits(label, expected):
    z = td.tensor([[1e4, -1e4]], requires_grad=True)
    loss = nn.CrossEntropyLoss()(z, [label])
    loss.backward()
    assert loss.item() == expected
    assert z.grad.tolist() == ([[0.0, 0.0]] if label == 0 else [[1.0, -1.0]])


def test_squared_error_with_a_half():
    x = td.tensor([3.0, -1.0], requires_grad=True)
    loss = 0.5 * nn.MSELoss(reduction="sum")(x, np.float32([1.0, 2.0]))
    loss.backward()
    assert loss.item() == 6.5
    assert x.grad.tolist() == [2.0, -3.0]


@pytest.mark.parametrize("p,value,gradient", [(2, 1.4, [0.2, -0.4, 0.6]), (3, 3.6, [0.3, -1.2, 2.7]),
                                              (1, 0.6, [0.1, -0.1, 0.1])])
def test_p_norm(p, value, gradient):
    w = td.tensor([1.0, -2.0, 3.0], requires_grad=True)
    term = td.penalty([w], p=p, alpha=0.1)
    term.backward()
    assert term.item() == pytest.approx(value)
    np.testing.assert_allclose(w.grad, gradient, rtol=1e-6)


def test_p_norm_by_group_and_its_exemptions():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
    net[0].weight.data, net[2].weight.data = np.float32([[1, -1], [2, 0]]), np.float32([[3, -1]])
    td.penalty([{"params": net[0].parameters(), "p": 1, "alpha": 0.5}, {"params": net[2].parameters(), "p": 3}],
               alpha=0.1).backward()
    np.testing.assert_allclose(net[0].weight.grad, [[0.5, -0.5], [0.5, 0]], rtol=1e-6)
    np.testing.assert_allclose(net[2].weight.grad, [[2.7, -0.3]], rtol=1e-6)
    td.penalty(net.parameters(), p=2, alpha=0.1).backward()
    assert net[0].bias.grad is None and net[1].weight.grad is None and net[2].bias.grad is None


def test_p_norm_is_not_decoupled_weight_decay():
    """Adam rescales the penalty's gradient away; AdamW shrinks by lr * weight_decay whatever the gradient."""
    ends = []
    for decoupled in (False, True):
        w = nn.Parameter(np.float32([[1.0, -2.0, 4.0]]))
        if decoupled:
            optimizer = td.optim.AdamW([w], lr=0.1, weight_decay=0.2)
            (w * 0.0).sum().backward()
        else:
            optimizer = td.optim.Adam([w], lr=0.1)
            td.penalty([w], p=2, alpha=0.1).backward()
        optimizer.step()
        ends.append(w.data)
    np.testing.assert_allclose(ends[0], [[0.9, -1.9, 3.9]], rtol=1e-5)
    np.testing.assert_allclose(ends[1], [[0.98, -1.96, 3.92]], rtol=1e-5)
