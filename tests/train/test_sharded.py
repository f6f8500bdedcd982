"""One net on several ranks: the bits of one, one decision, errors that all know of. Ranks are threads here."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.testing.ranks import run_ranks
from tinydl.train import Callback, Checkpoint, EarlyStopping, NonFiniteLossError, Trainer

rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _one_thread_a_rank():
    before = td.get_num_threads()
    td.set_num_threads(1)
    yield
    td.set_num_threads(before)


X = rng.standard_normal((60, 1, 8, 8)).astype(np.float32)
Y = (X[:, 0, 0, 0] > 0).astype(int) + (X[:, 0, 1, 1] > 0.5)


def net_of(dropout=0.2):
    td.manual_seed(3)
    return nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
                         nn.Dropout(dropout), nn.Linear(144, 3))


def trainer_of(comm=None, net=None, **kwargs):
    net = net_of() if net is None else net
    return Trainer(net, td.optim.SGD(net.parameters(), lr=0.05, momentum=0.9), comm=comm, **kwargs)


def fitted(comm, shards=8, epochs=2, **kwargs):
    trainer = trainer_of(comm, metrics=["f1"], **kwargs)
    trainer.fit((X, Y), (X[:20], Y[:20]), epochs, batch_size=16, augment="shift=1,mirror,mixup=0.2", shards=shards,
                eval_batch_size=6, progress=False)
    return trainer


def bits(trainer):
    state = trainer.net.state_dict()
    return {**{name: value.tobytes() for name, value in state.items()},
            **{name: trainer.history[name] for name in ("loss", "val_loss", "val_accuracy", "val_f1")}}


@pytest.mark.parametrize(("shards", "ranks"), [(8, (2, 4, 8)), (6, (2, 3))])
def test_any_number_of_ranks_ends_with_the_bits_of_one(shards, ranks):
    wanted = bits(fitted(None, shards))
    for size in ranks:  # 60 samples in batches of 16: the last has 12, and shards of 1 and 2
        for trainer in run_ranks(size, lambda comm: fitted(comm, shards)):
            assert bits(trainer) == wanted


def test_shards_are_the_batch():
    """Without batch norm, dropout and random changes the step is that of the whole batch, to rounding."""
    td.manual_seed(1)
    nets = [nn.Sequential(nn.Flatten(), nn.Linear(64, 3)) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    for net, shards in zip(nets, (None, 5), strict=True):
        trainer_of(net=net).fit((X, Y), epochs=2, batch_size=16, progress=False, shards=shards)
    np.testing.assert_allclose(nets[1][1].weight.data, nets[0][1].weight.data, rtol=1e-4, atol=1e-6)


def test_running_statistics_are_the_mean_over_shards():
    net = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1))
    x = np.array([[0.0], [2.0], [10.0], [20.0]], np.float32)
    Trainer(net, td.optim.SGD(net.parameters(), lr=0.0), nn.MSELoss()).fit(
        (x, x), batch_size=4, shuffle=False, shards=2, progress=False)
    # 0.9 * 0 + 0.1 * mean of (1, 15); variances (2, 50) unbiased: 0.9 + 0.1 * 26.
    assert net[0].running_mean.tolist() == pytest.approx([0.8])
    assert net[0].running_var.tolist() == pytest.approx([3.5]) and net[0].num_batches_tracked == 1


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_run_is_resumed_on_another_number_of_ranks(tmp_path, ranks):
    wanted, path = bits(fitted(None, epochs=3)), tmp_path / "c.safetensors"
    run_ranks(4, lambda comm: fitted(comm, epochs=1, callbacks=[Checkpoint(path)]))

    def resumed(comm):
        trainer = trainer_of(comm, metrics=["f1"])
        trainer.load(path)
        trainer.fit((X, Y), (X[:20], Y[:20]), 3, batch_size=16, augment="shift=1,mirror,mixup=0.2", shards=8,
                    eval_batch_size=6, progress=False)
        return bits(trainer)

    assert run_ranks(ranks, resumed) == [wanted] * ranks


@pytest.mark.parametrize("ranks", [2, 4])
def test_batch_norms_over_the_whole_batch_have_the_bits_of_one_too(ranks):
    wanted = bits(fitted(None, sync_batchnorm=True))
    assert wanted != bits(fitted(None))
    for trainer in run_ranks(ranks, lambda comm: fitted(comm, sync_batchnorm=True)):
        assert bits(trainer) == wanted


def test_batch_norms_over_the_whole_batch_are_those_without_shards():
    """60 shards of a sample, and batches of 45 and 15: the step is that of the whole batch, to rounding."""
    states = []
    for shards in (None, 60):
        net = net_of(dropout=0.0).double()
        trainer_of(net=net, sync_batchnorm=True).fit((X.astype(float), Y), epochs=2, batch_size=45, progress=False,
                                                     shards=shards)
        states.append(net.state_dict())
    for name, value in states[0].items():
        np.testing.assert_allclose(states[1][name], value, rtol=1e-12, atol=1e-13, err_msg=name)


class StopOn(Callback):
    def __init__(self, rank):
        self.rank = rank

    def on_batch_end(self, trainer, logs):
        if trainer.comm.rank == self.rank and trainer.batch == 2:
            trainer.stop("enough")


def test_what_one_rank_decides_all_do():
    for trainer in run_ranks(2, lambda comm: fitted(comm, callbacks=[StopOn(1)])):
        assert (trainer.epoch, trainer.batch, trainer.stop_reason) == (0, 2, "enough")


def test_early_stopping_is_one_decision():
    stopped = run_ranks(2, lambda comm: fitted(comm, epochs=9, callbacks=[EarlyStopping(patience=1, baseline=0.0)]))
    assert {trainer.epoch for trainer in stopped} == {1} and bits(stopped[0]) == bits(stopped[1])


@pytest.mark.parametrize("sync", [False, True])
def test_a_loss_of_nan_on_one_rank_is_an_error_on_all(sync):
    x = X.copy()
    x[15] = np.nan  # in the last shard of the first batch

    def spoilt(comm):
        trainer = trainer_of(comm, sync_batchnorm=sync)
        before = bits_of_net(trainer.net)
        with pytest.raises(NonFiniteLossError, match=r"in batch 1 of epoch 1 \(shard 8 of 8\): sample 1 of the batch"):
            trainer.fit((x, Y), batch_size=16, shuffle=False, shards=8, progress=False)
        return before == bits_of_net(trainer.net)

    assert run_ranks(4, spoilt) == [True] * 4


def bits_of_net(net):
    return {name: value.tobytes() for name, value in net.state_dict().items()}


def test_an_error_of_one_rank_ends_all(capfd):
    class Fails(Callback):
        first_rank_only = True

        def on_epoch_end(self, trainer, logs):
            raise OSError("disk full")

    results = run_ranks(2, lambda comm: fitted(comm, callbacks=[Fails()]))
    assert isinstance(results[0], OSError) and isinstance(results[1], RuntimeError)
    assert "rank 0 of 2 met this error alone; all ranks end" in capfd.readouterr().err


def test_batches_that_are_given_are_cut_too():
    class Given:
        def __iter__(self):
            return ((X[k:k + 20], Y[k:k + 20]) for k in (0, 20, 40))

    def given(comm):
        trainer = trainer_of(comm)
        trainer.fit(Given(), epochs=1, shards=4, progress=False)
        return bits_of_net(trainer.net)

    assert run_ranks(2, given) == [given(None)] * 2


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match="accumulate=2 and shards both add gradients"):
        trainer_of(accumulate=2).fit((X, Y), shards=2, progress=False)
    (error, _) = run_ranks(2, lambda comm: trainer_of(comm).fit((X, Y), shards=3, progress=False))
    assert "3 shards cannot be shared out evenly by 2 processes" in str(error)
