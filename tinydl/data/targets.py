"""What labels mean: numbers of classes with their names, targets of a regression, or several classes a sample."""

import numpy as np

from tinydl.data.dataset import DataError

__all__ = ["TASKS", "Targets"]

TASKS = ("classes", "regression", "labels")
_FEW = 100  # so many whole numbers may still be classes written as floats


def _shown(values):
    """The first few of some values."""
    return ", ".join(str(value) for value in values[:5]) + (", ..." if len(values) > 5 else "")


def _flat(y):
    """(N, 1) and (1, N) as (N,): a column of a table."""
    return y.reshape(-1) if y.ndim == 2 and 1 in y.shape else y


def _text(y):
    """Labels that are text, stripped of bytes and blanks."""
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8")
    return np.char.strip(y)


class Targets:
    """How the labels of a data set become what a net is trained on; made from those of the training part.

    ======================================  ===========  ==================================================
    labels                                  task         targets
    ======================================  ===========  ==================================================
    text, whole numbers or booleans (N,)    classes      int64 (N,), 0..K-1 in the order of `class_names`
    one-hot rows (N, K) of whole numbers    classes      the column of the 1
    rows (N, K) of 0 and 1                  labels       float32 (N, K), several classes a sample
    other floats (N,) or (N, K)             regression   float32 (N, K), K = 1 for (N,)
    ======================================  ===========  ==================================================

    Whole numbers that are not 0..K-1, such as labels from 1 or with gaps, are the names of their classes. (N, 1) is
    (N,).

    Parameters
    ----------
    y : array
    class_names : sequence of str, optional
        Names of the classes 0..K-1 (or 1..K, when label K occurs), or an order of labels that are text.
    task : {'classes', 'regression', 'labels'}, optional
        What is not to be guessed from the labels.
    what : str
        Name of the labels in messages.

    Attributes
    ----------
    task : str
    class_names : tuple of str or None
        None for a regression.

    Raises
    ------
    DataError
        nan and infinity, negative class numbers, one class alone, targets that are all the same, whole numbers written
        as floats that may be either, rows that are neither of the above.
    """

    def __init__(self, y, class_names=None, task=None, what="y"):
        y = _flat(np.asarray(y))
        if task is not None and task not in TASKS:
            raise DataError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
        names = None if class_names is None else tuple(str(name) for name in class_names)
        self.task = self._guess(y, what) if task is None else task
        self._values, self._one_hot, self.class_names = None, False, names
        self._check_kind(y, what)
        if self.task == "classes":
            self._number(y, names, what)
        elif self.task == "labels":
            self.class_names = tuple(map(str, range(y.shape[1]))) if names is None else names
            if len(self.class_names) != y.shape[1]:
                raise DataError(f"{what} has {y.shape[1]} columns, and there are {len(self.class_names)} class names")
        else:
            self.class_names = None
            constant = np.ptp(y.reshape(len(y), -1), axis=0) == 0 if len(y) else [True]
            if np.any(constant):
                raise DataError(f"{what}: all targets are {y.flat[0] if y.size else 'missing'}"
                                + (f" in column {int(np.argmax(constant))}" if y.ndim > 1 else "")
                                + "; there is nothing to learn from them")

    # --- what it is ------------------------------------------------------------------------------------------------

    @staticmethod
    def _guess(y, what):
        if y.ndim not in (1, 2) or y.dtype.kind not in "biufUS":
            raise DataError(f"{what} must be integer class numbers or text of shape (N,), or floats, got {y.dtype} of "
                            f"shape {y.shape}")
        if y.ndim == 2:
            binary = y.dtype.kind in "biuf" and y.size > 0 and ((y == 0) | (y == 1)).all()
            if binary and y.dtype.kind != "f" and (y.sum(axis=1) == 1).all():
                return "classes"
            if binary and y.any():
                return "labels"
            if y.dtype.kind == "f":
                return "regression"
            raise DataError(f"{what} must be integer class numbers of shape (N,), rows of 0 and 1, or floats, got "
                            f"{y.dtype} of shape {y.shape}; targets of a regression are floats: "
                            f"{what}.astype('float32')")
        if y.dtype.kind != "f":
            return "classes"
        if np.isfinite(y).all() and (y == np.rint(y)).all():
            values = np.unique(y)
            if len(values) <= min(_FEW, max(2, len(y) // 2)):
                cure = f"save integer class numbers, {what}.astype('int64')" if what.isidentifier() else \
                    "write class numbers without a point"
                raise DataError(f"{what} holds whole numbers as floats ({_shown(values)}), which may be classes or "
                                f"measured values: {cure}, or say the task (--task classes or --task regression)")
        return "regression"

    def _check_kind(self, y, what):
        if y.dtype.kind in "US":
            if self.task != "classes":
                raise DataError(f"{what} is text ({str(y.flat[0])!r}), the task {self.task} needs numbers")
            return
        if y.dtype.kind == "f" and not np.isfinite(y).all():
            place = np.argwhere(~np.isfinite(y))[0].tolist()
            raise DataError(f"{what} of sample {place[0]} is {y[tuple(place)]}"
                            + (f" in column {place[1]}" if len(place) > 1 else "")
                            + "; leave out samples without a target")
        if self.task == "labels" and (y.ndim != 2 or not ((y == 0) | (y == 1)).all()):
            raise DataError(f"{what} must be rows (N, K) of 0 and 1 for several classes a sample, got shape {y.shape} "
                            f"with values like {_shown(np.unique(y))}")
        if self.task == "classes" and (y.dtype.kind == "f" and not (y == np.rint(y)).all()):
            raise DataError(f"{what} must be integer class numbers or text, got {y[y != np.rint(y)].flat[0]}; targets "
                            "of a regression: --task regression")

    # --- classes ---------------------------------------------------------------------------------------------------

    def _number(self, y, names, what):
        if y.ndim == 2:
            if not ((y == 0) | (y == 1)).all() or not (y.sum(axis=1) == 1).all():
                raise DataError(f"{what} must be integer class numbers of shape (N,) or one-hot rows, got shape "
                                f"{y.shape}")
            self._one_hot, count = True, y.shape[1]
            self.class_names = names or tuple(map(str, range(count)))
            if len(self.class_names) != count:
                raise DataError(f"{what} has {count} columns, and there are {len(names)} class names")
            y = y.argmax(axis=1)
            self._values = np.arange(count)
        else:
            y = _text(y) if y.dtype.kind in "US" else y if y.dtype.kind == "b" else y.astype(np.int64)
            self._values = self._classes(y, names, what)
            self.class_names = names or tuple(map(str, self._values.tolist()))
        present = np.unique(y)
        if len(present) < 2:
            raise DataError(f"{what}: " + (f"all {len(y)} labels are {present[0]!s}" if len(y) else "no labels")
                            + "; a net needs two classes to tell apart")

    @staticmethod
    def _classes(y, names, what):
        """The label of each class."""
        if y.dtype.kind in "US":
            return np.unique(y) if names is None else np.array(names)
        if y.dtype.kind == "b":
            return np.array([False, True])
        if y.size and y.min() < 0:
            raise DataError(f"label {y.min()} of image {int(np.argmax(y < 0))} ({what}) is negative; classes are "
                            "numbered from 0: numpy.unique(y, return_inverse=True)[1] does that, or leave such samples "
                            "out")
        if names is None:
            return np.unique(y)
        first = int(bool(y.size) and y.min() == 1 and y.max() == len(names))
        return np.arange(first, len(names) + first)

    def encode(self, y, what="y"):
        """The targets of some labels.

        Raises
        ------
        DataError
            A label that is none of the classes, or another shape than that of the training labels.
        """
        y = _flat(np.asarray(y))
        self._check_kind(y, what)
        if self.task != "classes":
            y = y.astype(np.float32)
            return y[:, None] if y.ndim == 1 else y
        if self._one_hot:
            if y.ndim != 2 or y.shape[1] != len(self._values):
                raise DataError(f"{what} has shape {y.shape}, the training labels are rows of {len(self._values)}")
            return y.argmax(axis=1)
        if y.ndim != 1 or (y.dtype.kind in "US") != (self._values.dtype.kind in "US"):
            raise DataError(f"{what} is {y.dtype} of shape {y.shape}, the training labels were of another kind")
        if y.dtype.kind in "US":
            y = _text(y)
        order = np.argsort(self._values, kind="stable")
        place = np.searchsorted(self._values[order], y)
        found = order[np.minimum(place, len(order) - 1)]
        wrong = self._values[found] != y
        if wrong.any():
            k = int(np.argmax(wrong))
            raise DataError(f"label {y[k]} of image {k} is not among the classes {_shown(self._values)}")
        return found.astype(np.int64)
