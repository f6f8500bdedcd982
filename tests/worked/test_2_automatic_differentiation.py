"""The worked numbers of docs/2-autodiff.md."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops
from tinydl.inspect import conv_matrix, jacobian


def leaves(*values, dtype=np.float64):
    return [td.tensor(value, dtype=dtype, requires_grad=True) for value in values]


def test_computational_graph():
    x, y, z = leaves(-2.0, 5.0, -4.0)
    q = x + y
    f = q * z
    f.backward()
    assert (q.item(), f.item()) == (3, -12)
    assert (x.grad.item(), y.grad.item(), z.grad.item()) == (-4, -4, 3)


def test_node_used_four_times():
    """f = g[h(k(w), w), m(w), w, b] with k = w^2, h(k, w) = k w, m = sin w, g(h, m, w, b) = h m + w b."""
    def f(w, b):
        return w * w * w * ops.sin(w) + w * b

    w, b = leaves(0.7, 1.5)
    y = f(w, b)
    y.backward()
    assert y.item() == pytest.approx(1.270967, abs=1e-6)
    # 3 w^2 sin w + w^3 cos w + b = 1.47 * 0.644218 + 0.343 * 0.764842 + 1.5
    assert w.grad.item() == pytest.approx(2.709341, abs=2e-6)
    assert b.grad.item() == pytest.approx(0.7)
    assert td.testing.gradcheck(f, leaves(0.7, 1.5))


class Multiply(td.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, dz):
        x, y = ctx.saved_tensors
        return dz * y, dz * x


class Sigmoid(td.Function):
    @staticmethod
    def forward(ctx, x):
        z = 1 / (1 + np.exp(-x))
        ctx.save_for_backward(z)
        return z

    @staticmethod
    def backward(ctx, dz):
        (z,) = ctx.saved_tensors
        return dz * (1 - z) * z


def test_own_operations():
    x, y = leaves(3.0, -2.0)
    Multiply.apply(x, y).backward()
    assert (x.grad.item(), y.grad.item()) == (-2, 3)
    (x,) = leaves([0.0, 2.0])
    Sigmoid.apply(x).backward([1.0, 10.0])
    np.testing.assert_allclose(x.grad, [0.25, 1.049936], atol=1e-6)
    assert td.testing.gradcheck(Sigmoid.apply, leaves([[0.3, -1.2]]))
    assert td.testing.gradcheck(Multiply.apply, leaves([1.5, 2.0], [-0.5, 3.0]))


class Gated(nn.Module):
    """A user's operations between the library's layers."""

    def __init__(self, own):
        self.inner, self.gate, self.outer = nn.Linear(2, 8), nn.Linear(2, 8), nn.Linear(8, 2)
        self.own = own

    def forward(self, x):
        if self.own:
            h = Multiply.apply(self.inner(x), Sigmoid.apply(self.gate(x)))
        else:
            h = self.inner(x) * ops.sigmoid(self.gate(x))
        return self.outer(h)


def test_own_operations_in_a_net():
    x = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]] * 4)
    y = np.array([0, 1, 1, 0] * 4)
    losses = []
    for own in (True, False):
        td.manual_seed(1)
        net = Gated(own)
        optimizer = td.optim.Adam(net.parameters(), lr=0.05)
        for _ in range(100):
            optimizer.zero_grad()
            loss = nn.CrossEntropyLoss()(net(x), y)
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[0] < 0.1
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_add_gate_distributes():
    x, y = leaves([1.0, 2.0], [3.0, 4.0])
    (x + y).backward([5.0, 7.0])
    assert x.grad.tolist() == [5, 7] and y.grad.tolist() == [5, 7]


def test_copy_gate_adds():
    (x,) = leaves(2.0)
    (3 * x + 4 * x).backward()
    assert x.grad.item() == 7


def test_mul_gate_swaps():
    x, y = leaves(3.0, -4.0)
    (x * y).backward(2.0)
    assert (x.grad.item(), y.grad.item()) == (-8, 6)


def test_max_gate_routes():
    x, y = leaves([1.0, 5.0], [4.0, 2.0])
    ops.maximum(x, y).backward([7.0, 9.0])
    assert x.grad.tolist() == [0, 9] and y.grad.tolist() == [7, 0]


def test_jacobian_of_a_linear_map_is_its_matrix():
    layer = nn.Linear(3, 2)
    layer.weight.data = np.float32([[1, 2, 3], [4, 5, 6]])
    assert jacobian(layer, [[1.0, 0.0, -1.0]]).tolist() == [[1, 2, 3], [4, 5, 6]]


def test_jacobian_for_parameters():
    """d vec(W x) / d vec(W)' = I kron x' with rows of W one after the other."""
    layer = nn.Linear(2, 2)
    x = np.float32([[3, 5]])
    assert jacobian(lambda w: layer(x), layer.weight).tolist() == [[3, 5, 0, 0], [0, 0, 3, 5]]
    assert jacobian(lambda b: layer(x), layer.bias).tolist() == [[1, 0], [0, 1]]
    assert layer.weight.grad is None and layer.bias.grad is None


def test_chain_rule_of_jacobians():
    td.manual_seed(0)
    first, second = nn.Conv1d(2, 3, 2).double(), nn.Linear(4, 2).double()
    x = np.random.default_rng(0).normal(size=(1, 2, 5))
    middle = ops.tanh(first(x))
    whole = jacobian(lambda x: second(ops.tanh(first(x))), x)
    product = jacobian(second, middle) @ jacobian(lambda x: ops.tanh(first(x)), x)
    assert whole.shape == (6, 10)
    np.testing.assert_allclose(whole, product, rtol=1e-12, atol=1e-14)


def test_jacobian_of_a_convolution_is_the_matrix_of_section_3():
    layer = nn.Conv1d(2, 2, 3, bias=False)
    layer.weight.data = np.float32([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]])
    expected = [[1, 2, 3, 0, 4, 5, 6, 0], [0, 1, 2, 3, 0, 4, 5, 6],
                [7, 8, 9, 0, 10, 11, 12, 0], [0, 7, 8, 9, 0, 10, 11, 12]]
    assert jacobian(layer, np.zeros((1, 2, 4))).tolist() == expected
    assert conv_matrix(layer, (2, 4)).toarray().tolist() == expected


class Planted(td.Function):
    """tanh with a gradient that is wrong by 0.1 %."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(np.tanh(x))
        return np.tanh(x)

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return 1.001 * dy * (1 - y * y)


def test_gradient_checking():
    x = np.array([0.3, -1.0, 2.0])
    assert td.testing.gradcheck(ops.tanh, x)
    with pytest.raises(AssertionError, match="backward gives"):
        td.testing.gradcheck(Planted.apply, x)
