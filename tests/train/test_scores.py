import functools

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.train import accuracy, evaluate, f1, mean_absolute_error, top_k
from tinydl.train.scores import improves_by, metrics_of

SCORES = np.array([[9, 8, 7, 6, 5, 4, 3], [0, 0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6, 7]])


def test_top_k():
    # Row 0: the classes in order; row 1: all equal, the lower number first; row 2: in the opposite order.
    assert top_k([4, 4, 1], SCORES) == pytest.approx(2 / 3)
    assert top_k([5, 5, 2], SCORES) == pytest.approx(1 / 3)
    assert top_k([0, 0, 6], SCORES, 1) == 1.0 and top_k([1, 1, 5], td.tensor(SCORES), 1) == 0.0
    assert np.isnan(top_k(np.zeros(0, int), np.zeros((0, 7))))
    assert top_k(np.zeros((1, 1, 1), int), np.full((1, 6, 1, 1), np.nan)) == 0.0
    masks = np.moveaxis(SCORES.reshape(1, 3, 7), -1, 1)
    assert top_k([[4, 4, 1]], masks) == pytest.approx(2 / 3)


def test_f1():
    labels, predicted = [0, 0, 1, 1, 2], np.array([0, 1, 1, 1, 0])
    # Class 0: TP 1, FP 1, FN 1: 1/2; class 1: TP 2, FP 1, FN 0: 4/5; class 2: never right: 0.
    assert f1(labels, np.eye(3)[predicted]) == f1(labels, predicted) == pytest.approx((0.5 + 0.8) / 3)
    # One output: class 1 alone, TP 1, FP 1, FN 1.
    assert f1([1, 0, 1, 0], [2.0, 0.5, -1.0, -2.0]) == f1([1, 0, 1, 0], np.array([[2], [0.5], [-1], [-2]])) == 0.5
    assert f1([1, 0, 1, 0], [0.9, 0.6, 0.1, 0.2], threshold=0.7) == pytest.approx(2 / 3)
    assert f1([0, 0], [-1.0, -1.0]) == 0.0


def test_f1_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 4, 200), rng.normal(size=(200, 5))
    assert f1(labels, scores) == pytest.approx(metrics.f1_score(labels, scores.argmax(1), average="macro"))
    assert f1(labels % 2, scores[:, 0]) == pytest.approx(metrics.f1_score(labels % 2, scores[:, 0] > 0))
    assert top_k(labels, scores, 2) == pytest.approx(metrics.top_k_accuracy_score(labels, scores, k=2, labels=range(5)))


def test_mean_absolute_error():
    assert mean_absolute_error([[1, 2], [3, 4]], [[2, 2], [0, 8]]) == 2.0
    assert mean_absolute_error([1, 2], [[1.5], [1.5]]) == 0.5


@pytest.mark.parametrize(("call", "message"), [
    (lambda: top_k([0, 1, 2], SCORES, 7), "k must be from 1 to 6, less than the 7 classes, got 7"),
    (lambda: top_k([0, 1, 7], SCORES), r"labels must be in 0..6, got 0 to 7"),
    (lambda: top_k([0.0, 1.0, 2.0], SCORES), "needs class numbers .*got labels float64"),
    (lambda: f1([0, 1], np.zeros((3, 2))), r"f1 needs class numbers .*of shape \(3, 2\)"),
    (lambda: f1([0, 2], [0.0, 1.0]), "tells class 0 from class 1, but there are labels 0 to 2"),
    (lambda: mean_absolute_error([1, 2, 3], [[1, 2, 3]]), r"shape \(3,\) and predictions of shape \(1, 3\) differ"),
])
def test_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def largest_error(y, output):
    return np.abs(y - output).max()


class Same(nn.Module):
    def forward(self, x):
        return td.tensor(x)


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_metrics_are_of_all_samples_at_once(batch_size):
    labels = np.array([4, 4, 1])
    got = evaluate(Same(), (SCORES.astype("f"), labels), nn.CrossEntropyLoss(), batch_size,
                   metrics=[accuracy, "top5", "f1"])
    assert (got["accuracy"], got["top5"]) == (0.0, pytest.approx(2 / 3)) and got["f1"] == 0.0
    x, y = np.array([[1.0], [2], [3]], "f"), np.array([[1.0], [0], [9]], "f")
    got = evaluate(Same(), (x, y), nn.MSELoss(), batch_size, metrics=["mae", largest_error])
    assert got == {"loss": pytest.approx(40 / 3), "mae": pytest.approx(8 / 3), "largest_error": 6.0}


def test_ignored_labels_are_left_out_of_metrics_with_a_name():
    y = np.array([4, 9, 1])
    data = td.data.ArrayDataset(SCORES.astype("f"), y, ignore_index=9)
    got = evaluate(Same(), data, nn.CrossEntropyLoss(ignore_index=9),
                   metrics={"top5": "top5", "n": lambda y, output: len(y)})
    assert got["top5"] == 0.5 and got["n"] == 3.0


def test_a_net_with_one_output_needs_a_threshold():
    x, y = np.array([[1.0], [-1]], "f"), np.array([1, 1])
    for labels in (y, y[:, None].astype("f"), y[:, None].astype(float)):
        got = evaluate(Same(), (x, labels), nn.BCEWithLogitsLoss(), metrics=["accuracy", "f1"])
        assert (got["accuracy"], got["f1"]) == (0.5, 2 / 3)
    got = evaluate(Same(), (x, np.full((2, 1), 0.7, "f")), nn.BCEWithLogitsLoss(), metrics=["accuracy"])
    assert np.isnan(got["accuracy"])  # no label is a class
    with pytest.raises(ValueError, match="accuracy: outputs of shape .*decision_threshold"):
        evaluate(Same(), (x, y), lambda o, y: o.mean(), metrics=["accuracy"])


def test_what_a_metric_may_be():
    names = [metric.name for metric in metrics_of(["f1", accuracy, mean_absolute_error, largest_error])]
    assert names == ["f1", "accuracy", "mae", "largest_error"]
    assert [m.name for m in metrics_of("f1")] == [m.name for m in metrics_of(f1)] == ["f1"]
    assert metrics_of(()) == () and metrics_of(metrics_of(["f1"]))[0].name == "f1"


@pytest.mark.parametrize(("metrics", "message"), [
    (["acuracy"], "unknown metric 'acuracy'; there are accuracy, top5, f1, mae, or a function"),
    ([lambda y, o: 0], r"a metric needs a name of its own, got '<lambda>'; write metrics=\{'name': function\}"),
    ([functools.partial(f1, threshold=1)], "a metric needs a name"),
    ({"loss": largest_error}, "a metric needs a name of its own, got 'loss'"),
    ({"precision": "f1"}, r"the metric 'f1' has a name already, not 'precision'"),
    (["f1", "f1"], "two metrics have the name 'f1'"),
    ([3], r"a metric is a name or a function of \(y, output\), got 3"),
])
def test_what_is_no_metric(metrics, message):
    with pytest.raises((ValueError, TypeError), match=message):
        metrics_of(metrics)


@pytest.mark.parametrize("wrong", [None, "0.5", True, np.zeros(2)])
def test_a_metric_gives_a_number(wrong):
    with pytest.raises(TypeError, match="metric 'mine' must give one number for all samples, got"):
        evaluate(Same(), (np.zeros((2, 2)), [0, 1]), nn.CrossEntropyLoss(), metrics={"mine": lambda y, o: wrong})


def test_which_way_is_better():
    assert [improves_by(name) for name in ("val_accuracy", "f1", "val_top5", "val_loss", "mae", "val_mine", "val_my_f1",
                                           "flosses")] == ["max", "max", "max", "min", "min", None, "max", None]
