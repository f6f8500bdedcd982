"""The table of a training: one column a quantity, one entry an epoch, whoever writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl import _html
from tinydl.train.scores import improves_by

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.figure import Figure

__all__ = ["EpochRow", "History"]


def _number(value):
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


class History(dict):
    """A dict of columns, one entry an epoch: what `Trainer.fit` returns.

    It shows itself in a few words; ``dict(history)`` shows the numbers.
    """

    def best(self, column: str | None = None) -> Any:
        """(epoch from 1, value) of the best entry of a column, None without one.

        Parameters
        ----------
        column : str, optional
            Default: the validation loss, else the loss.
        """
        if column is None:
            column = "val_loss" if "val_loss" in self else "loss"
        sign = -1 if improves_by(column) == "max" else 1
        rows = [(sign * value, k) for k, value in enumerate(self.get(column, ())) if value is not None
                and value == value]
        if not rows:
            return None
        index = min(rows)[1]
        return self["epoch"][index] if "epoch" in self else index + 1, self[column][index]

    def plot(self, title: str = "Training") -> Figure:
        """Curves of loss and metrics over the epochs, a matplotlib figure; see `tinydl.inspect.plots.curves`."""
        from tinydl.inspect import plots

        return plots.curves(self, title)

    def to_pandas(self) -> Any:
        """The table as a pandas DataFrame with the epoch as its index."""
        try:
            import pandas
        except ImportError:
            raise ImportError("to_pandas needs pandas: pip install pandas") from None
        return pandas.DataFrame({name: list(column) for name, column in self.items()}).set_index("epoch")

    def __repr__(self) -> str:
        n = len(self.get("epoch", ()))
        if not n:
            return "History(no epochs)"
        words = [f"{n} epoch{'s' * (n > 1)}"]
        words += [f"{name} {_number(self[name][-1])}" for name in ("loss", "val_loss")
                  if self.get(name) and self[name][-1] is not None]
        best = self.best()
        if best is not None and n > 1:
            words.append(f"best {_number(best[1])} in epoch {best[0]}")
        return f"History({', '.join(words)})"

    def _repr_html_(self):
        names = list(self)
        best = self.best() if "val_loss" in self else None
        rows = [[_number(column[k]) if k < len(column) else "" for column in self.values()]
                for k in range(len(self.get("epoch", ())))]
        marked = [row for row, epoch in enumerate(self.get("epoch", ())) if best and epoch == best[0]]
        return _html.folded(repr(self), _html.table(names, rows, "", marked=marked))


class EpochRow:
    """The row of an epoch under way in a history, which callbacks add to as they like.

    A callback may put a value into `logs` or append it to a column of `trainer.history`; the other then has it too. A
    column that is new in this epoch has None for those before it.

    Parameters
    ----------
    history : dict of str to list
        As it is when the epoch begins.
    epoch : int
        From 1.
    """

    def __init__(self, history, epoch):
        self.history, self.epoch = history, epoch
        self._columns = set(history)

    def update(self, logs):
        """Take over what came to `logs` (the values of the epoch that are known so far) or to the history."""
        for name, column in self.history.items():
            if name not in self._columns:
                column[:0] = [None] * (self.epoch - len(column))
                self._columns.add(name)
            if len(column) == self.epoch:
                logs.setdefault(name, column[-1])
        for name, value in logs.items():
            column = self.history.setdefault(name, [None] * (self.epoch - 1))
            self._columns.add(name)
            if len(column) < self.epoch:
                column.append(value)

    def close(self):
        """Give None to the columns that got nothing."""
        for column in self.history.values():
            column += [None] * (self.epoch - len(column))
