"""The table of a training: one column a quantity, one entry an epoch, whoever writes it."""

__all__ = ["EpochRow"]


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
