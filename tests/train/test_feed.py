import numpy as np
import pytest

import tinydl as td
from tinydl.data import Augment, Batches
from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.train.feed import ArrayFeed, _described, evaluation_feed, samples_of, training_feed
from tinydl.train.several import Several
from tinydl.train.trainer import Trainer

SETTINGS = {"steps": None, "sample_weight": None, "batch_size": 2, "shuffle": True, "seed": 3, "drop_last": False,
            "augment": None}
X, Y = np.arange(10, dtype=np.float32).reshape(5, 2), np.arange(5)


def order(feed, epoch=0, start=0):
    feed.epoch, feed.start = epoch, start
    return [(y["a"] if isinstance(y, dict) else y).tolist() for _, y, _ in feed]


def test_samples():
    assert isinstance(samples_of((X, Y)), ArrayDataset) and isinstance(samples_of(X), ArrayDataset)
    assert isinstance(samples_of(((X, X), Y)), Several) and isinstance(samples_of((X, {"a": Y})), Several)
    assert isinstance(samples_of({"a": X}), Several) and isinstance(samples_of((X, (0, 1, 0, 1, 0))), ArrayDataset)


def test_arrays_of_all_kinds_come_in_one_order():
    want = [[y.tolist() for _, y in Batches((X, Y), 2, shuffle=True, seed=3, epoch=epoch)] for epoch in (0, 1)]
    weighted = training_feed(samples_of((X, Y)), **{**SETTINGS, "sample_weight": 10 * Y})
    for feed in (training_feed(samples_of((X, Y)), **SETTINGS), weighted,
                 training_feed(samples_of((X, {"a": Y})), **SETTINGS)):
        assert feed.total == 3 and len(feed) == 5
        assert [order(feed), order(feed, 1), order(feed, 1, 2)] == [want[0], want[1], want[1][2:]]
    weighted.epoch = weighted.start = 0
    for x, y, w in weighted:
        assert w.tolist() == (10 * y).tolist() and x[:, 0].tolist() == (2 * y).tolist()


def test_the_plan_holds_what_changes_an_epoch():
    plain = training_feed(samples_of((X, Y)), **SETTINGS).plan
    assert plain == {"samples": 5, "batch_size": 2, "shuffle": True, "drop_last": False}
    pictures = samples_of((np.zeros((5, 1, 4, 4)), Y))
    for name, values in (("sample_weight", (np.ones(5), np.arange(5))), ("augment", (Augment(1), Augment(2)))):
        first, second = (training_feed(pictures, **{**SETTINGS, name: value}).plan for value in values)
        assert first != second and {k for k in first if k not in plain} == {name}
    assert training_feed(lambda: None, **{**SETTINGS, "steps": 4}).plan["steps_per_epoch"] == 4


@pytest.mark.parametrize(("data", "changes", "message"), [
    (iter([]), {"augment": Augment(1)}, "augment is for arrays; train gives batches by itself: augment them there"),
    (iter([]), {"sample_weight": [1]}, r"sample_weight is for arrays; .*: yield \(x, y, weights\)"),
    (ArrayDataset(X, Y), {"steps": 3}, "steps_per_epoch=3 is for data that give batches by themselves"),
    (ArrayDataset(X, Y), {"sample_weight": [1, 2]}, r"one number for each of the 5 samples, got int64 of shape \(2,\)"),
    (ArrayDataset(X, Y), {"sample_weight": [1, 2, -3, 4, 5]}, "finite and not negative, got -3.0 for sample 2"),
    (ArrayDataset(X, Y), {"sample_weight": [1, 2, 3, np.nan, 5]}, "got nan for sample 3"),
])
def test_settings_of_the_other_kind(data, changes, message):
    with pytest.raises(ValueError, match=message):
        training_feed(data, **{**SETTINGS, **changes})


def test_what_is_evaluated_is_in_order():
    assert order(evaluation_feed((X, Y), 2)) == [[0, 1], [2, 3], [4]]
    assert order(evaluation_feed(iter([(X, Y)]), 2)) == [[0, 1, 2, 3, 4]]
    assert isinstance(evaluation_feed((X, Y), 2), ArrayFeed)


def test_a_set_that_gives_single_samples():
    class Set:
        def __len__(self):
            return 3

        def __getitem__(self, k):
            return X[k], Y[k]

    with pytest.raises(TypeError, match=r"valid: a Set gives single samples; pass its batches: td.data.DataLoader\("):
        samples_of(Set(), "valid")


def test_settings_in_words_are_the_same_in_every_process():
    class Shift:
        def __init__(self, size):
            self.size, self.function, self._drawn = size, np.sort, object()

    class Chain:
        def __init__(self):
            self.parts, self.mean = [Shift(np.int64(1)), Shift((2, 0.5))], np.zeros(2)
            self.rng = np.random.default_rng()

    words = _described(Chain())
    assert words.startswith("Chain(parts=[Shift(size=1, function=sort), Shift(size=[2, 0.5], function=sort)], mean=arr")
    assert words == _described(Chain()) and words.endswith("rng=Generator())")


@pytest.fixture
def threads_as_before():
    before = td.get_num_threads()
    yield
    td.set_num_threads(before)


EVERYTHING = "shift=1,mirror,rotate=10,scale=0.1,brightness=0.2,contrast=0.2,noise=0.1,cutout=2,mixup=0.4,cutmix=1"


@pytest.mark.parametrize("batches", [2, 4])
def test_augmented_training_goes_on_with_the_same_bits_for_any_number_of_threads(batches, tmp_path, threads_as_before):
    """Mixed labels have no accuracy; validation has."""
    def make(*callbacks):
        td.manual_seed(2)
        net = td.nn.Sequential(td.nn.Conv2d(1, 4, 3), td.nn.Flatten(), td.nn.Linear(64, 3))
        return Trainer(net, td.optim.SGD(net.parameters(), lr=0.1), seed=5, callbacks=callbacks)

    def train(trainer, threads):
        td.set_num_threads(threads)
        data = np.random.default_rng(0).random((24, 1, 6, 6)), np.arange(24) % 3
        trainer.fit(data, data, epochs=2, batch_size=8, progress=False, augment=EVERYTHING)
        return [p.data.tobytes() for p in trainer.net.parameters()], trainer.history

    class Stop(td.train.Callback):
        seen = 0

        def on_batch_end(self, trainer, logs):
            self.seen += 1
            if self.seen == batches:
                trainer.save(tmp_path / "c.safetensors")
                raise RuntimeError("stop")

    whole, history = train(make(), 1)
    assert "accuracy" not in history and len(history["val_accuracy"]) == 2 and history["loss"][0] < 5
    with pytest.raises(RuntimeError, match="stop"):
        train(make(Stop()), 2)
    again = make()
    again.load(tmp_path / "c.safetensors")
    assert train(again, 2)[0] == whole


def test_several_inputs_are_not_augmented_in_silence():
    with pytest.raises(DataError, match="augment is for one array of samples"):
        training_feed(samples_of((X, {"a": Y})), **{**SETTINGS, "augment": Augment(0, False, noise=1)})


def test_changed_labels_are_looked_at_as_they_come():
    data = samples_of((X, Y))
    assert ArrayFeed(data, 2, augment=Augment(0, False, noise=1)).classify is True
    assert ArrayFeed(data, 2, augment=Augment(0, False, mixup=1)).classify is False
    assert "noise=1.0" in ArrayFeed(data, 2, augment="noise=1").plan["augment"]
