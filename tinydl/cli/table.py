"""Tables that fit the lines of a terminal."""

import itertools
import shutil
import textwrap

__all__ = ["fitted", "terminal_width"]

_LEAST = 18  # columns of a cell before fewer of them stand side by side


def terminal_width():
    """Columns of a line of the terminal, or what COLUMNS says; 80 where there is none."""
    return shutil.get_terminal_size().columns


def fitted(head, rows, width):
    """Lines of a table that are no wider than `width`.

    A row is a line where the whole table fits. Otherwise it is a column, as many side by side as fit, with the words of
    the head at the left and long cells in several lines; the other rows follow below.

    Parameters
    ----------
    head : sequence of str
    rows : list of sequence of str
    width : int

    Returns
    -------
    list of str
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    if sum(widths) + 2 * len(widths) - 2 <= width:
        return [_line(row, widths) for row in (head, *rows)]
    left = max(map(len, head))
    beside = max(1, min(len(rows), (width - left) // (_LEAST + 2)))
    room = max(1, (width - left) // beside - 2)
    lines = []
    for first in range(0, len(rows), beside):
        band = rows[first:first + beside]
        lines += [""] if lines else []
        for name, *cells in zip(head, *band, strict=True):
            parts = [textwrap.wrap(cell, room, break_on_hyphens=False) for cell in cells]
            lines += [_line(parts, [left, *[room] * len(band)])
                      for parts in itertools.zip_longest([name], *parts, fillvalue="")]
    return lines


def _line(cells, widths):
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
