import inspect

import numpy as np

import tinydl as td
from tinydl.train import Callback, Trainer

HOOKS = ("on_fit_begin", "on_epoch_begin", "on_backward_end", "on_batch_end", "on_epoch_end", "on_fit_end")


class Record(Callback):
    """Notes the name of every call."""

    def __init__(self):
        self.calls = []


for name in HOOKS:
    setattr(Record, name, lambda self, trainer, logs=None, name=name: self.calls.append(name))


def test_when_each_is_called():
    net, record = td.nn.Linear(2, 2), Record()
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=0.1), callbacks=[record])
    trainer.fit((np.zeros((4, 2)), [0, 1, 0, 1]), batch_size=2, progress=False)
    batch = ["on_backward_end", "on_batch_end"]
    assert record.calls == ["on_fit_begin", "on_epoch_begin", *batch, *batch, "on_epoch_end", "on_fit_end"]


def test_none_does_anything_by_itself():
    callback = Callback()
    for name, method in inspect.getmembers(callback, inspect.ismethod):
        if name.startswith("on_"):
            assert method(*[None] * len(inspect.signature(method).parameters)) is None
    assert callback.state_dict() == {} and callback.closing_words(None) is None
    assert callback.load_state_dict({}) is None
