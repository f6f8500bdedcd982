"""A backward pass whose saved values have changed is an error, and any other is not."""

import threading

import numpy as np
import pytest

import tinydl as td
from tinydl import changes, nn, ops

CHANGED = "its values were changed in place"


def leaf(*shape, seed=0):
    return td.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def test_a_step_between_forward_and_backward():
    w, v = (td.tensor([a], requires_grad=True) for a in (2.0, 3.0))
    y = (w * v).sum()
    y.backward(retain_graph=True)
    assert w.grad.tolist() == [3]
    td.optim.SGD([v], lr=1.0).step()
    with pytest.raises(RuntimeError, match=r"Mul saved its argument 1 of shape \(1,\).*changed in place since"):
        y.backward()


def test_the_two_losses_of_a_gan():
    """The generator's loss went through the discriminator before that one's step, with its weights frozen or not."""
    for frozen in (False, True):
        g, d = nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        opt_d = td.optim.Adam(d.parameters())
        fake = g(np.ones((5, 2), np.float32))
        d(fake.detach()).mean().backward()
        for p in d.parameters():
            p.requires_grad = not frozen  # and keeps its gradient
        loss = d(fake).mean()
        opt_d.step()
        with pytest.raises(RuntimeError, match="Linear saved its argument 1.*" + CHANGED):
            loss.backward()


PARTS = {
    "linear": lambda p: ops.linear(p("x", 2, 3), p("w", 4, 3), p("b", 4)),
    "conv": lambda p: ops.conv2d(p("x", 2, 3, 5, 5), p("w", 4, 3, 3, 3)),
    "mul": lambda p: p("x", 2, 3) * p("w", 2, 3),
    "div": lambda p: p("x", 2, 3) / p("w", 2, 3),
    "matmul": lambda p: p("x", 2, 3) @ p("w", 3, 4),
    "batch norm": lambda p: ops.batch_norm(p("x", 5, 3), p("w", 3), p("b", 3)),
    "layer norm": lambda p: ops.layer_norm(p("x", 5, 3), 3, p("w", 3), p("b", 3)),
}


class Leaves(dict):
    """Leaves by name."""

    def __call__(self, name, *shape):
        if name not in self:
            self[name] = td.Parameter(td.tensor(np.random.default_rng(len(self)).uniform(1, 2, shape)))
        return self[name]


@pytest.mark.parametrize("part", PARTS)
def test_a_write_through_data_is_found(part):
    p = Leaves()
    y = PARTS[part](p)
    p["w"].data[...] = 0
    with pytest.raises(RuntimeError, match=r"saved its argument 1 .*" + CHANGED):
        y.sum().backward()


@pytest.mark.parametrize("part", PARTS)
def test_changes_on_which_nothing_relies(part):
    """What is changed after its last use, read without a change, replaced, or a bias, gives the gradients of before."""
    def gradients(act):
        p = Leaves()
        y = PARTS[part](p)
        act(p)
        y.sum().backward()
        return {name: x.grad for name, x in p.items()}

    def looked_at(p):
        for x in p.values():
            assert np.isfinite(x.data).all()

    def replaced(p):
        for x in p.values():
            x.data = np.zeros(x.shape)
        td.optim.SGD(list(p.values()), lr=1.0).step()
        changes.written(list(p.values()))

    def bias_changed(p):
        if "b" in p:
            p["b"].data[...] = 7
            changes.written([p["b"]])

    def written_back(p):
        for x in p.values():
            before = x.data.copy()
            x.data[...] = 5
            x.data[...] = before

    expected = gradients(lambda p: None)
    for act in (looked_at, replaced, bias_changed, written_back):
        for name, grad in gradients(act).items():
            assert np.array_equal(grad, expected[name]), (act.__name__, name)


@pytest.mark.parametrize("part", ["linear", "conv", "mul", "matmul"])
def test_a_factor_is_relied_on_for_the_gradient_of_the_other(part):
    p = Leaves()
    PARTS[part](p)
    p["x"].requires_grad = False  # as images are
    y = PARTS[part](p)
    y.sum().backward(retain_graph=True)
    expected, p["w"].grad = p["w"].grad, None
    p["w"].data[...] = 0
    changes.written([p["w"]])
    y.sum().backward()
    assert np.array_equal(p["w"].grad, expected)


@pytest.mark.parametrize("change", [
    lambda net: net.load_state_dict({k: v * 0 for k, v in net.state_dict().items()}),
    lambda net: nn.init.zeros_(net.weight),
    lambda net: net.reset_parameters(),
    lambda net: net.weight.data.fill(0),
])
def test_everything_that_writes(change):
    net = nn.Linear(3, 2)
    y = net(leaf(4, 3).astype("float32"))
    change(net)
    with pytest.raises(RuntimeError, match=CHANGED):
        y.sum().backward()


def test_each_forward_pass_has_the_values_of_its_time():
    x, w = leaf(2, 3), leaf(3, 2, seed=1)
    first = (x @ w).sum()
    w.data[...] *= 2
    second = (x @ w).sum()
    assert w.data.size  # asked for once more, and not changed
    second.backward()
    np.testing.assert_allclose(x.grad, np.ones((2, 2)) @ w.numpy().T)
    with pytest.raises(RuntimeError, match=CHANGED):
        first.backward()


def test_what_training_does_is_no_change():
    """Shared weights, gradients of several batches, a graph that is kept, a step after every backward pass."""
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.BatchNorm1d(3))
    again = nn.Sequential(net[0], net[0], net)
    opt = td.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    for _ in range(3):
        opt.zero_grad()
        for _ in range(2):
            loss = (again(x) * again(x)).mean()
            loss.backward(retain_graph=True)
            loss.backward()
        td.optim.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
    saved = net.state_dict()
    net.load_state_dict(saved)
    again(x).sum().backward()


def test_without_a_change_nothing_is_noted():
    """A step reads and writes no values to find changes."""
    w = td.Parameter(np.ones((3, 2), np.float32))
    y = ops.linear(np.ones((1, 2), np.float32), w)
    y.sum().backward()
    td.optim.SGD([w], lr=0.1).step()
    assert not hasattr(w, "_shown") and w._written == changes.latest


def test_a_long_history_is_not_kept():
    w = td.Parameter(np.ones((2, 2), np.float32))
    held = w.data
    for k in range(50):
        w.data[...] = k
    assert len(w._shown) <= 8 and held is w.data
    y = ops.linear(np.ones((1, 2), np.float32), w).sum()
    y.backward()
    assert w.grad.tolist() == [[1, 1], [1, 1]]
    x = td.tensor(np.ones((1, 2), np.float32), requires_grad=True)
    y = ops.linear(x, w).sum()
    for k in range(50):
        w.data[...] = k + 100
    with pytest.raises(RuntimeError, match=CHANGED):
        y.backward()


def test_changes_in_threads_keep_the_latest_place():
    """Places go down, whoever takes them."""
    tensors = [td.Parameter([1.0]) for _ in range(4)]

    def change(tensor):
        for _ in range(2000):
            changes.written([tensor])

    threads = [threading.Thread(target=change, args=(tensor,)) for tensor in tensors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert changes.latest == min(tensor._written for tensor in tensors)


def test_the_latest_change_is_the_latest_of_all_threads():
    found = []

    def change():
        for _ in range(500):
            found.append(td.tensor([1.0]))
            changes.written(found[-1:])

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert changes.latest == changes._now() + 1
