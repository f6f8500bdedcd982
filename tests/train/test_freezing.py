import numpy as np
import pytest

import tinydl as td
from tinydl.train import Callback, Checkpoint, Freeze, Trainer, freeze, unfreeze


def data(n=64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(int)


def make(*callbacks, lr=0.1):
    td.manual_seed(1)
    net = td.nn.Sequential(td.nn.Linear(4, 8), td.nn.ReLU(), td.nn.Linear(8, 2))
    return Trainer(net, td.optim.SGD(net.parameters(), lr=lr, momentum=0.9), callbacks=list(callbacks))


class Biases(Callback):
    """The first bias and the last one after each epoch, and whether each had a gradient."""

    def __init__(self):
        self.rows = []

    def on_epoch_end(self, trainer, logs):
        self.rows.append([(p.data.tolist(), p.grad is not None) for p in (trainer.net[0].bias, trainer.net[2].bias)])


def test_frozen_after_some_epochs():
    biases = Biases()
    trainer = make(Freeze(["0.bias"], 2), biases)
    first = trainer.net[0].bias.data.tolist()
    trainer.fit(data(), epochs=4, batch_size=32, progress=False)
    (one, two, three, four), others = zip(*biases.rows, strict=True)
    assert first != one[0] != two[0] == three[0] == four[0]
    assert [grad for _, grad in (one, two, three, four)] == [True, True, False, False]
    assert len({str(values) for values, _ in others}) == 4
    assert trainer.net[0].bias.requires_grad


def test_freezing_goes_on_when_a_run_is_resumed(tmp_path):
    whole, half = make(Freeze("0.bias", 1)), make(Freeze("0.bias", 1), Checkpoint(tmp_path / "c"))
    whole.fit(data(), epochs=3, batch_size=32, progress=False)
    half.fit(data(), epochs=2, batch_size=32, progress=False)
    again = make(Freeze("0.bias", 1))
    again.load(tmp_path / "c")
    again.fit(data(), epochs=3, batch_size=32, progress=False)
    for name, value in whole.net.state_dict().items():
        np.testing.assert_array_equal(value, again.net.state_dict()[name])


def test_freezing_what_is_not_there():
    with pytest.raises(ValueError, match="Freeze: the net has no parameter 7.bias; it has 0.weight, 0.bias"):
        make(Freeze(["7.bias"], 1)).fit(data(), progress=False)


def test_a_frozen_part_stays_as_it_is_whatever_the_modes(tmp_path):
    def net():
        td.manual_seed(0)
        return td.nn.Sequential(td.nn.Sequential(td.nn.Linear(4, 8), td.nn.BatchNorm1d(8), td.nn.Dropout(0.5)),
                                td.nn.Linear(8, 2))

    class Train(Callback):
        def on_batch_end(self, trainer, logs):
            trainer.net.train()

    net = net()
    assert freeze(net[0]) is net[0] and not any(p.requires_grad for p in net[0].parameters())
    before = net.state_dict()
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.1), callbacks=[Train()])
    net.train()  # the habit of PyTorch
    trainer.fit(data(), epochs=2, batch_size=8, progress=False)
    net.eval()
    trainer.fit(data(), epochs=3, batch_size=8, progress=False)
    after = net.state_dict()
    assert {name for name in after if not np.array_equal(after[name], before[name])} == {"1.weight", "1.bias"}
    assert net.training and net[1].training and not any(m.training for m in net[0].modules())
    assert unfreeze(net[0]) is net[0]
    trainer.fit(data(), epochs=4, batch_size=8, progress=False)
    changed = {name for name in after if not np.array_equal(net.state_dict()[name], after[name])}
    assert changed == set(after)


@pytest.mark.parametrize("wrong", ["0.weight", 0, None])
def test_what_cannot_be_frozen(wrong):
    with pytest.raises(TypeError, match=r"freeze\(\) takes a layer or a net, got"):
        freeze(wrong)
