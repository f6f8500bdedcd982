import json

import pytest

from tinydl.train.history import EpochRow, History


def epochs(*writes):
    """A history of epochs in each of which callbacks write(history, logs)."""
    history = {}
    for epoch, callbacks in enumerate(writes, 1):
        logs = {"epoch": epoch}
        row = EpochRow(history, epoch)
        row.update(logs)
        for write in callbacks:
            write(history, logs)
            row.update(logs)
        row.close()
    return history


def append(history, logs):
    history.setdefault("f1", []).append(0.5 * logs["epoch"])


def log(history, logs):
    logs["f2"] = 10 * logs["epoch"]


def test_values_appended_every_epoch():
    assert epochs([append], [append], [append]) == {"epoch": [1, 2, 3], "f1": [0.5, 1.0, 1.5]}


def test_values_put_into_logs():
    assert epochs([log], [log]) == {"epoch": [1, 2], "f2": [10, 20]}


def test_epochs_without_a_value_have_none():
    assert epochs([], [append, log], [], [append]) == {
        "epoch": [1, 2, 3, 4], "f1": [None, 1.0, None, 2.0], "f2": [None, 20, None, None]}


def test_logs_and_history_agree():
    seen = []
    epochs([append, lambda history, logs: seen.append(dict(logs))])
    assert seen == [{"epoch": 1, "f1": 0.5}]


def test_a_value_changed_in_both_stays():
    def change(history, logs):
        logs["epoch"] = history["epoch"][-1] = 7

    assert epochs([change, append]) == {"epoch": [7], "f1": [3.5]}


def test_columns_of_batches_are_left_alone():
    def batches(history, logs):
        history.setdefault("batch", []).extend([1, 2, 3])

    assert epochs([batches], [batches]) == {"epoch": [1, 2], "batch": [1, 2, 3, 1, 2, 3]}


def test_a_column_that_begins_before_the_first_batch_of_an_epoch():
    history = {"epoch": [1]}
    row = EpochRow(history, 2)
    history["f1"] = [0.5]
    row.update({"epoch": 2})
    row.close()
    assert history == {"epoch": [1, 2], "f1": [None, 0.5]}


TABLE = {"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.123456], "val_loss": [2.0, 1.5, float("nan")],
         "val_f1": [None, 0.25, 0.125]}


def test_a_history_is_a_dict_with_few_words():
    history = History(TABLE)
    assert history == TABLE and json.loads(json.dumps(history))["loss"] == TABLE["loss"]
    assert repr(history) == "History(3 epochs, loss 1.123, val_loss nan, best 1.5 in epoch 2)"
    rows = {"loss": [0.093314] * 100, "accuracy": [0.98] * 100, "val_loss": [0.0957912] * 99 + [0.0957911]}
    line = "History(100 epochs, loss 0.09331, val_loss 0.09579, best 0.09579 in epoch 100)"
    assert repr(History(epoch=list(range(1, 101)), **rows)) == line and len(line) < 80
    assert repr(History()) == "History(no epochs)"
    assert repr(History(epoch=[1], loss=[0.5])) == "History(1 epoch, loss 0.5)"


def test_the_best_of_a_column():
    history = History(TABLE)
    assert history.best() == (2, 1.5) and history.best("loss") == (3, 1.123456) and history.best("val_f1") == (2, 0.25)
    assert history.best("seconds") is None and History(epoch=[1], loss=[float("nan")]).best() is None


def test_a_notebook_shows_the_table_with_the_best_epoch_in_bold():
    shown = History(TABLE)._repr_html_()
    assert shown.startswith("<details><summary>History(3 epochs, ")
    rows = shown.split("<tbody>")[1].split("<tr>")[1:]
    assert [("bold" in row, row.count("<td")) for row in rows] == [(False, 4), (True, 4), (False, 4)]
    assert ">0.25<" in rows[1] and "None" not in shown


def test_as_a_data_frame():
    pytest.importorskip("pandas")
    frame = History(TABLE).to_pandas()
    assert frame.index.tolist() == [1, 2, 3] and frame.index.name == "epoch"
    assert list(frame.columns) == ["loss", "val_loss", "val_f1"] and frame.loc[2, "val_f1"] == 0.25


def test_as_a_picture():
    pytest.importorskip("matplotlib")
    assert History(TABLE).plot("mine").get_suptitle() == "mine"
