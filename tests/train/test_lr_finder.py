import numpy as np
import pytest

import tinydl as td
from tinydl.train import LRFinder, Trainer


def data(n=64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(int)


def make(*callbacks, lr=0.1):
    td.manual_seed(1)
    net = td.nn.Sequential(td.nn.Linear(4, 8), td.nn.ReLU(), td.nn.Linear(8, 2))
    return Trainer(net, td.optim.SGD(net.parameters(), lr=lr, momentum=0.9), callbacks=list(callbacks))


def test_lr_finder_leaves_everything_as_it_was_and_finds_a_rate_that_learns():
    trainer = make()
    trainer.fit(data(), epochs=1, progress=False)
    before, history = trainer.net.state_dict(), dict(trainer.history)
    momentum = trainer.optimizer.state_dict()["state"][0]["momentum_buffer"].copy()
    finder = LRFinder(1e-4, 1e3, steps=60)
    rate = finder.run(trainer, data(), batch_size=16)
    assert all(np.array_equal(before[k], v) for k, v in trainer.net.state_dict().items())
    assert np.array_equal(trainer.optimizer.state_dict()["state"][0]["momentum_buffer"], momentum)
    assert trainer.lr == 0.1
    assert (trainer.history, trainer.epoch, trainer.callbacks, trainer.stop_reason) == (history, 1, [], None)
    assert 1e-3 < rate < 10
    assert np.all(np.diff(finder.lrs) > 0)
    ratio = np.diff(np.log(finder.lrs))
    assert np.allclose(ratio, ratio[0])


def test_lr_finder_stops_quietly_at_a_loss_that_is_not_finite():
    trainer = make()
    finder = LRFinder(1e-2, 1e30, steps=50)
    with np.errstate(all="ignore"):
        finder.run(trainer, data(), batch_size=16)
    assert len(finder.lrs) < 50
    assert np.isfinite(trainer.net[0].weight.data).all()


def test_batches_of_ones_own():
    x, y = data()
    finder = LRFinder(1e-4, 1e-1, steps=10)
    finder.run(make(), lambda: iter([(x[:32], y[:32]), (x[32:], y[32:])]))
    assert len(finder.losses) == 10


def test_lr_finder_sets_a_schedule_aside():
    trainer = make()
    trainer.scheduler = td.optim.OneCycleLR(trainer.optimizer, 0.1, total_steps=4)
    state = trainer.scheduler.state_dict()
    LRFinder(1e-4, 1e-1, steps=20).run(trainer, data(), batch_size=16)
    assert trainer.scheduler.state_dict() == state


@pytest.mark.parametrize(("kwargs", "message"), [
    ({"min_lr": 1, "max_lr": 1}, "min_lr must be below max_lr, got 1 and 1"),
    ({"min_lr": 0}, "min_lr must be a finite number > 0, got 0"),
    ({"max_lr": np.inf}, "max_lr must be .*got inf"),
    ({"min_lr": np.nan}, "min_lr must be .*got nan"),
    ({"steps": 1}, "steps must be at least 2, got 1"),
    ({"steps": 10.5}, "steps must be an integer, got 10.5"),
    ({"smoothing": 1.0}, "smoothing must be .*>= 0 and < 1, got 1.0"),
])
def test_arguments_that_cannot_be(kwargs, message):
    with pytest.raises((ValueError, TypeError), match=message):
        LRFinder(**kwargs)


def test_no_suggestion_without_points():
    with pytest.raises(ValueError, match="only 0 points"):
        LRFinder().suggestion()
