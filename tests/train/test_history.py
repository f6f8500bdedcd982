from tinydl.train.history import EpochRow


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
