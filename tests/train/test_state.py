import numpy as np
import pytest

import tinydl as td
from tinydl.train import CheckpointError, EarlyStopping, Trainer


def make_data(n=70):
    x = np.random.default_rng(0).standard_normal((n, 6)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(int)


def make_trainer(schedule=False, callbacks=(), optimizer=td.optim.SGD, hidden=8):
    td.manual_seed(1)
    net = td.nn.Sequential(td.nn.Linear(6, hidden), td.nn.BatchNorm1d(hidden), td.nn.Dropout(0.2),
                           td.nn.Linear(hidden, 3))
    optimizer = optimizer(net.parameters(), lr=0.05)
    scheduler = td.optim.StepLR(optimizer, 2) if schedule else None
    return Trainer(net, optimizer, scheduler=scheduler, callbacks=callbacks)


def fit(trainer, epochs=1):
    return trainer.fit(make_data(), make_data(20), epochs=epochs, batch_size=16, progress=False)


def plain(value):
    """A state as bytes and plain values, without the times."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in ("seconds", "images_per_s")}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def bits(trainer):
    return plain(trainer.state_dict())


def test_a_state_continues_in_another_trainer():
    whole, first = (make_trainer(True, [EarlyStopping(patience=9)]) for _ in range(2))
    fit(whole, 3)
    fit(first, 2)
    second = make_trainer(True, [EarlyStopping(patience=9)])
    second.load_state_dict(first.state_dict())
    assert second.resumed and second.history == first.history and second.history is not first.history
    assert bits(second) == bits(first)
    fit(second, 3)
    assert bits(second) == bits(whole)


def test_a_state_is_a_copy():
    trainer = make_trainer()
    fit(trainer)
    state = trainer.state_dict()
    before = plain(state)
    fit(trainer, 2)
    assert plain(state) == before


def test_a_checkpoint_of_another_net_changes_nothing(tmp_path):
    path = tmp_path / "c.safetensors"
    other = make_trainer(hidden=5)
    fit(other)
    other.save(path)
    trainer = make_trainer(callbacks=[EarlyStopping()])
    fit(trainer)
    before = bits(trainer)
    with pytest.raises(CheckpointError, match=r"c\.safetensors: the checkpoint does not fit.*0.weight has shape"):
        trainer.load(path)
    assert bits(trainer) == before


def test_a_checkpoint_of_another_optimizer_or_schedule_changes_nothing(tmp_path):
    path = tmp_path / "c.safetensors"
    first = make_trainer(schedule=True)
    fit(first)
    first.save(path)
    with pytest.raises(CheckpointError, match="made with a scheduler, this trainer is the other way round"):
        make_trainer().load(path)
    trainer = make_trainer(schedule=True, optimizer=td.optim.RMSprop)
    before = bits(trainer)
    with pytest.raises(CheckpointError, match="does not fit"):
        trainer.load(path)
    assert bits(trainer) == before


@pytest.mark.parametrize("state", [{"model": {}}, None, []])
def test_state_with_missing_parts(state):
    with pytest.raises(CheckpointError, match="lacks .*optimizer"):
        make_trainer().load_state_dict(state)


def test_state_with_parts_of_something_else():
    with pytest.raises(CheckpointError, match="no state of a Trainer: it has steps$"):
        make_trainer().load_state_dict({**make_trainer().state_dict(), "steps": 3})


@pytest.mark.parametrize(("part", "value"), [
    ("seed", "0"), ("callbacks", {}), ("history", [1]), ("history", {"loss": 3}), ("sums", {}),
    ("sums", {"loss": 0.0, "weight": 0, "right": 0, "judged": 0, "samples": 0, "seconds": 0.0}), ("plan", 3),
    ("settings", []), ("stop_reason", 1),
])
def test_parts_of_another_kind_change_nothing(part, value):
    trainer = make_trainer()
    fit(trainer)
    before = bits(trainer)
    with pytest.raises(CheckpointError, match="no state of a Trainer|does not fit"):
        trainer.load_state_dict({**make_trainer().state_dict(), part: value})
    assert bits(trainer) == before
