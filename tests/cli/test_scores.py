"""Scores against worked numbers."""

import numpy as np
import pytest

from tinydl import nn
from tinydl.cli.scores import class_table, headline, score
from tinydl.data import ArrayDataset
from tinydl.train.run import Run


def test_precision_recall_and_f1_by_hand():
    """Of 4 cats 3 are found and 1 dog is taken for one; nobody says bird."""
    rows = class_table(np.array([[3, 1, 0], [1, 4, 0], [0, 1, 0]]), ("cat", "dog", "bird"))
    assert [row["class"] for row in rows] == ["cat", "dog", "bird"]
    assert rows[0] == {"class": "cat", "precision": 0.75, "recall": 0.75, "f1": 0.75, "n": 4}
    assert rows[1]["precision"] == pytest.approx(4 / 6) and rows[1]["recall"] == pytest.approx(4 / 5)
    assert rows[1]["f1"] == pytest.approx(2 * (4 / 6) * (4 / 5) / (4 / 6 + 4 / 5))
    assert (rows[2]["precision"], rows[2]["recall"], rows[2]["f1"], rows[2]["n"]) == (0, 0, 0, 1)


def test_a_regression_is_scored_in_the_users_units():
    """Outputs x, targets y = 10 + 2 x + e: the net says 10 + 2 x, so the errors are e = 1, -1, 1, -1."""
    x = np.array([[0.0], [1.0], [2.0], [3.0]])
    y = 10 + 2 * x + np.array([[1.0], [-1.0], [1.0], [-1.0]])
    run = Run("nowhere", {"task": "regression", "target_mean": [10.0], "target_std": [2.0]})
    scores, _ = score(run, nn.Identity(), ArrayDataset(x, y), nn.MSELoss())
    assert scores["mse"] == pytest.approx(1) and scores["mae"] == pytest.approx(1)
    assert scores["loss"] == pytest.approx(1 / 4)  # (e / 2)^2
    spread = ((y - y.mean()) ** 2).sum()
    assert scores["r2"] == pytest.approx(1 - 4 / spread)
    assert headline(scores).startswith("MSE 1, MAE 1, R2 ")


def test_several_labels_a_sample():
    """Column a: 2 of 2 right. Column b: present once, said twice, once rightly."""
    x = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    y = np.array([[1, 1], [0, 0], [0, 0], [1, 0]], np.float32)
    run = Run("nowhere", {"task": "labels"})
    scores, _ = score(run, nn.Identity(), ArrayDataset(x, y, class_names="ab"), nn.BCEWithLogitsLoss())
    assert scores["accuracy"] == pytest.approx(7 / 8)
    assert scores["classes"][0] == {"class": "a", "precision": 1, "recall": 1, "f1": 1, "n": 2}
    assert scores["classes"][1]["precision"] == 0.5 and scores["classes"][1]["recall"] == 1
