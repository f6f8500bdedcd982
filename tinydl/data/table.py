"""Tables: a CSV file with a row a sample and a column of labels."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import path_of
from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.data.npz import shaped
from tinydl.data.registry import register
from tinydl.data.rows import read_table, to_number
from tinydl.data.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from tinydl._types import Path, Report, Split

__all__ = ["load_csv", "read_features"]

_USUAL = ("label", "labels", "class", "target", "y")
_MANY = 100  # whole numbers of more values than that, most of them once, are measured and no classes
_MISSING = ("", "na", "n/a", "nan", "null", "none", "?")


def _some(names):
    """All names, or the first ones and the last."""
    return ", ".join(names if len(names) <= 10 else [*names[:8], "...", names[-1]])


def _column(path, names, wanted):
    """The index of a column, by its name or its number (negative from the end)."""
    if wanted in names:
        return names.index(wanted)
    try:
        number = int(wanted)
    except ValueError:
        number = len(names)
    if not -len(names) <= number < len(names):
        raise DataError(f"{path}: no column {wanted!r}; its columns are {_some(names)}")
    return number % len(names)


def _find_label(path, names, label):
    if label is not None:
        return _column(path, names, str(label))
    found = [k for k, name in enumerate(names) if name.lower() in _USUAL]
    if len(found) != 1:
        raise DataError(f"{path}: which column holds the labels? Say it with --label COLUMN (label=...); its columns "
                        f"are {_some(names)}")
    return found[0]


def _floats(path, names, rows, columns):
    """The chosen columns as float32; the message names the first value that is no number."""
    try:
        values = np.array([[row[k] for k in columns] for row in rows], np.float64)
    except ValueError:
        values = None
    if values is not None and np.isfinite(values).all():
        return values.astype(np.float32)
    for number, row in enumerate(rows, 1):
        for k in columns:
            value, text = to_number(row[k]), row[k].strip()
            if text.lower() in _MISSING:
                raise DataError(f"{path}: row {number} has no value in column {names[k]!r} ({text!r}); fill it, or "
                                "leave the row out")
            if value is None:
                raise DataError(f"{path}: row {number} has {text!r} in column {names[k]!r}, which is no number; make "
                                f"it numbers, or leave the column out with --drop {names[k]}")
            if not np.isfinite(value):
                raise DataError(f"{path}: row {number} has {text} in column {names[k]!r}")
    raise DataError(f"{path}: holds what is no number")


def _targets(path, name, texts, task):
    """The labels of a column of text: numbers where all are, else names."""
    texts = np.array([text.strip() for text in texts])
    missing = np.isin(np.char.lower(texts), _MISSING)
    if missing.any():
        raise DataError(f"{path}: row {int(np.argmax(missing)) + 1} has no label in column {name!r}; leave it out")
    numbers = [to_number(text) for text in texts]
    if any(value is None for value in numbers):
        return texts
    values = np.array(numbers)
    if not np.isfinite(values).all() or (values != np.rint(values)).any() or abs(values).max() >= 2**53:
        return values
    if task is None and all(text.lstrip("+-").isdigit() for text in texts):
        distinct = len(np.unique(values))
        if distinct > _MANY and 5 * distinct > len(values):
            raise DataError(f"{path}: column {name!r} holds {distinct} different whole numbers in {len(values)} rows, "
                            "which may be classes or measured values: say --task classes or --task regression")
        return values.astype(np.int64)
    return values if task == "regression" or task is None else values.astype(np.int64)


def load_csv(path: Path, label: str | int | None = None, shape: Sequence[int] | None = None, *,
             task: Literal["classes", "regression"] | None = None, drop: Sequence[str] = (), test_fraction: float = 0.2,
             seed: int = 0, report: Report | None = None) -> Split:
    """Samples and labels from a CSV file, a row each.

    Parameters
    ----------
    path : path-like
        See `read_table`.
    label : str or int, optional
        The column of labels, by name or number (negative from the end). Default: that of the name label, class, target
        or y. Text and whole numbers are classes, other numbers targets of a regression.
    shape : tuple of int, optional
        What the other columns of a row make: (C, L) a signal of L values in C channels, one channel after the other, or
        (C, H, W) a picture. Default: they are features.
    task : {'classes', 'regression'}, optional
        What labels are when both are possible.
    drop : sequence of str
        Columns to leave out.
    test_fraction, seed
        The share that is held out, of every class, and which.
    report : optional
        For the sake of the other readers.

    Returns
    -------
    train, test : ArrayDataset
        float32, each feature or channel normalised by mean and standard deviation of the training rows.

    Raises
    ------
    DataError
        No such file or column, values that are missing or no numbers (the message names row and column), labels that
        cannot be used.
    """
    path = path_of(path)
    names, rows, notes = read_table(path)
    if len(names) == 1:
        raise DataError(f"{path}: a single column ({names[0][:40]!r}), so no columns besides the labels; columns "
                        "are separated by comma, semicolon, tab or |")
    column = _find_label(path, names, label)
    left_out = {column, *(_column(path, names, str(name)) for name in drop)}
    features = [k for k in range(len(names)) if k not in left_out]
    if not features:
        raise DataError(f"{path}: no columns besides the labels")
    x = shaped(_floats(path, names, rows, features), shape, path)
    y = _targets(path, names[column], [row[column] for row in rows], task)
    name = os.path.splitext(os.path.basename(path))[0]
    try:
        targets = Targets(y, task=task, what=f"column {names[column]!r}")
        data = ArrayDataset(x, targets.encode(y), class_names=targets.class_names, name=name)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    train, test = data.split(test_fraction, seed)
    if len(train) == 0 or len(test) == 0:
        raise DataError(f"{path}: {len(data)} rows are too few to hold out {test_fraction:.0%} of every class")
    train = train.with_statistics()
    test = train.like(test.images, test.labels, f"{name} test")
    train.name = f"{name} train"
    train.about = {"kind": "table", "columns": [names[k] for k in features], "label": names[column], "notes": notes}
    return train, test


def read_features(path, columns, shape):
    """The samples of a CSV file with the columns of a training, in any order and with others between them."""
    path = path_of(path)
    names, rows, _ = read_table(path)
    missing = [name for name in columns if name not in names]
    if missing:
        raise DataError(f"{path}: no column {missing[0]!r}" + (f" and {len(missing) - 1} others" if missing[1:] else "")
                        + ", which the run was trained on")
    return shaped(_floats(path, names, rows, [names.index(name) for name in columns]), shape, path)


register(".csv", lambda path, seed, **options: load_csv(path, seed=seed, **options), {},
         options=("label", "shape", "task", "drop"))
