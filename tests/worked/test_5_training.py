"""The worked numbers of docs/5-training.md."""

import copy

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.train import Callback, Convergence, Trainer


def data(n=70, seed=0):
    """Two classes of points on either side of a line; the first feature is the sample's number."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype(np.float32)
    return x, (x[:, 1] > x[:, 2]).astype(np.int64)


class Seen(Callback):
    """Notes the sizes of the batches."""

    def on_fit_begin(self, trainer):
        self.sizes = []

    def on_batch_end(self, trainer, logs):
        self.sizes.append(logs["size"])


def make(lr=0.1, **options):
    td.manual_seed(0)
    net = nn.Linear(3, 2)
    return Trainer(net, td.optim.SGD(net.parameters(), lr=lr), **options)


@pytest.mark.parametrize("batch_size,sizes", [(1, [1] * 70), (32, [32, 32, 6]), (64, [64, 6]), (128, [70]), (70, [70])])
def test_batch_sizes(batch_size, sizes):
    seen = Seen()
    trainer = make(callbacks=[seen])
    trainer.fit(data(), epochs=1, batch_size=batch_size, progress=False)
    assert seen.sizes == sizes


def test_an_epoch_uses_every_sample_once():
    numbers = np.arange(70, dtype=np.float32)[:, None]
    used = []

    class Note(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 2)

        def forward(self, x):
            used.extend(np.asarray(x)[:, 0].tolist())
            return self.layer(x)

    net = Note()
    Trainer(net, td.optim.SGD(net.parameters(), lr=0.0)).fit((numbers, np.zeros(70, int)), epochs=1, batch_size=32,
                                                             progress=False)
    assert sorted(used) == list(range(70)) and used != list(range(70))


def test_the_last_short_batch_counts_by_its_size():
    """With weights that do not move, the epoch's loss is the loss over all samples."""
    x, y = data()
    trainer = make(lr=0.0)
    trainer.fit((x, y), epochs=1, batch_size=32, progress=False)
    expected = nn.CrossEntropyLoss()(trainer.net(x), y).item()
    assert trainer.history["loss"][0] == pytest.approx(expected, rel=1e-6)


def test_gradient_accumulation():
    """The mean of the gradients of the instances is the gradient of the batch."""
    x, y = data(8)
    td.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    other = copy.deepcopy(net)
    loss = nn.CrossEntropyLoss()
    loss(net(x), y).backward()
    for k in range(8):
        (loss(other(x[k:k + 1]), y[k:k + 1]) / 8).backward()
    for p, q in zip(net.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(q.grad, p.grad, rtol=1e-5, atol=1e-7)


def test_convergence_stops_and_says_so():
    trainer = make(callbacks=[Convergence(k=2, eps=0.02)])
    trainer.fit(data(), epochs=200, batch_size=70, progress=False)
    losses = trainer.history["loss"]
    assert abs(losses[-1] - losses[-3]) < 0.02
    assert all(abs(losses[t + 2] - losses[t]) >= 0.02 for t in range(len(losses) - 3))
    assert trainer.stop_reason.startswith("converged: |loss(") and "< 0.02" in trainer.stop_reason
    assert trainer.epoch == len(losses) < 200


def test_epoch_limit_stops_otherwise():
    trainer = make(callbacks=[Convergence(k=2, eps=1e-12)])
    trainer.fit(data(), epochs=5, batch_size=70, progress=False)
    assert trainer.epoch == 5 and trainer.stop_reason is None


# --- initialisation ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("fill,bound", [
    (nn.init.xavier_uniform_, 0.2), (nn.init.kaiming_uniform_, 0.244949)])  # sqrt(6 / 150), sqrt(6 / 100)
def test_uniform_initialisations(fill, bound):
    td.manual_seed(0)
    w = fill(nn.Parameter(np.empty((50, 100), np.float32))).data
    assert 0.99 * bound < np.abs(w).max() <= bound
    assert abs(w.mean()) < 0.05 * bound


def test_default_initialisation_is_uniform_by_fan_in():
    td.manual_seed(0)
    for layer, bound in ((nn.Linear(100, 50), 0.1), (nn.Conv2d(4, 50, 5), 0.1)):  # 1 / sqrt(100)
        assert 0.99 * bound < np.abs(layer.weight.data).max() <= bound
        assert 0.9 * bound < np.abs(layer.bias.data).max() <= bound


@pytest.mark.parametrize("fill,deviation", [
    (nn.init.xavier_normal_, 0.115470), (nn.init.kaiming_normal_, 0.141421),
    (lambda w: nn.init.small_(w, 0.01), 0.001), (lambda w: nn.init.normal_(w, std=0.3), 0.3)])
def test_normal_initialisations(fill, deviation):
    td.manual_seed(0)
    w = fill(nn.Parameter(np.empty((50, 100), np.float32))).data
    assert w.std() == pytest.approx(deviation, rel=0.03)


def test_orthogonal_and_constant_initialisation():
    td.manual_seed(0)
    w = nn.init.orthogonal_(nn.Parameter(np.empty((4, 9), np.float32)), gain=2.0).data
    np.testing.assert_allclose(w @ w.T, 4 * np.eye(4), atol=1e-5)
    assert nn.init.constant_(nn.Parameter(np.empty(3, np.float32)), 0.5).data.tolist() == [0.5] * 3
    assert nn.init.scale_(nn.Parameter(np.ones(2, np.float32)), 0.25).data.tolist() == [0.25] * 2


# --- optimisers ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("make_optimizer,expected", [
    # the gradient of w^2 is 2 w; w starts at 1
    (lambda p: td.optim.SGD(p, lr=0.1), [0.8, 0.64]),
    (lambda p: td.optim.SGD(p, lr=0.1, momentum=0.5), [0.8, 0.54]),
    (lambda p: td.optim.SGD(p, lr=0.1, momentum=0.5, nesterov=True), [0.7, 0.44]),
    (lambda p: td.optim.Adam(p, lr=0.1), [0.9, 0.800412]),
    (lambda p: td.optim.AdamW(p, lr=0.1, weight_decay=0.1), [0.89, 0.781572]),
    (lambda p: td.optim.RMSprop(p, lr=0.1, alpha=0.75), [0.8, 0.664290]),
], ids=["SGD", "momentum", "Nesterov", "Adam", "AdamW", "RMSprop"])
def test_two_steps_of_optimisers(make_optimizer, expected):
    w = nn.Parameter(np.float64([1.0]))
    optimizer = make_optimizer([w])
    for value in expected:
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        assert w.data[0] == pytest.approx(value, abs=2e-6)


def rates(scheduler, steps):
    found = []
    for _ in range(steps):
        found.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("make_scheduler,expected", [
    (lambda o: td.optim.StepLR(o, 2), [1, 1, 0.1, 0.1, 0.01]),
    (lambda o: td.optim.MultiStepLR(o, [1, 3], gamma=0.5), [1, 0.5, 0.5, 0.25, 0.25]),
    (lambda o: td.optim.CosineAnnealingLR(o, 4), [1, 0.853553, 0.5, 0.146447, 0]),
    (lambda o: td.optim.LinearLR(o, start_factor=0.5, end_factor=1.0, total_iters=4), [0.5, 0.625, 0.75, 0.875, 1]),
    (lambda o: td.optim.OneCycleLR(o, 1.0, total_steps=5, pct_start=0.4), [0.04, 1, 0.750001, 0.250003, 4e-6]),
], ids=["step", "multistep", "cosine", "linear", "onecycle"])
def test_schedules(make_scheduler, expected):
    w = nn.Parameter(np.float32([1.0]))
    w.grad = np.float32([0.0])
    found = rates(make_scheduler(td.optim.SGD([w], lr=1.0)), 5)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_reduce_on_plateau():
    w = nn.Parameter(np.float32([1.0]))
    optimizer = td.optim.SGD([w], lr=1.0)
    scheduler = td.optim.ReduceLROnPlateau(optimizer, patience=1)
    found = []
    for loss in (3.0, 2.0, 2.0, 2.0, 1.0):
        scheduler.step(loss)
        found.append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(found, [1, 1, 1, 0.1, 0.1])


def test_gradient_clipping():
    w = nn.Parameter(np.float32([1.0, 1.0]))
    w.grad = np.float32([3.0, -4.0])
    assert td.optim.clip_grad_norm_([w], 1.0) == pytest.approx(5.0)
    np.testing.assert_allclose(w.grad, [0.6, -0.8], rtol=1e-5)
    td.optim.clip_grad_value_([w], 0.7)
    np.testing.assert_allclose(w.grad, [0.6, -0.7], rtol=1e-5)
