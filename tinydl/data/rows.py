"""Rows of text from a CSV file, whatever separates its columns."""

import csv
import io
import itertools
import re

from tinydl._check import path_of
from tinydl._files import open_file
from tinydl.data.dataset import DataError

__all__ = ["read_table", "to_number"]

_COUNTED = 4  # columns from which on 0, 1, 2, 3 are their numbers and no values
_DECIMAL = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")


def to_number(text):
    """The number that a text says, or None."""
    try:
        return float(text)
    except ValueError:
        return None


def _rows(text, delimiter):
    return (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if row)


def _separates(mark, text):
    """Whether a mark divides the first rows into columns, as many in each; a comma then is a decimal one."""
    try:
        counts = {len(row) for row in itertools.islice(_rows(text, mark), 20)}
    except csv.Error:
        return False
    return len(counts) == 1 and counts != {1}


def _with_points(rows):
    """(rows, whether there were any) with decimal points for decimal commas, where no comma separates columns."""
    fixed = [[text.replace(",", ".") if _DECIMAL.fullmatch(text) else text for text in row] for row in rows]
    return fixed, fixed != rows


def _named(rows):
    """Whether the first row names the columns."""
    head, *rest = rows
    numbers = [name.strip() for name in head if to_number(name) is not None]
    words = {k: name.strip() for k, name in enumerate(head) if to_number(name) is None}
    if not numbers:
        return True
    if not rest or numbers != list(map(str, range(len(numbers)))) or len(numbers) < (_COUNTED if not words else 2):
        return False
    return not any(len(row) == len(head) and row[k].strip() == word for row in rest for k, word in words.items())


def _counts(texts):
    """Whether a column holds 0, 1, 2, ... or 1, 2, 3, ..."""
    return any(texts == list(map(str, range(first, first + len(texts)))) for first in (0, 1))


def read_table(path):
    """(names of the columns, rows of text, notes on what was done to them) of a CSV file.

    Parameters
    ----------
    path : path-like
        UTF-8, its columns separated by comma, semicolon, tab or |; without commas between them, 0,5 is 0.5. The first
        row names them if it has no number, or numbers that count the columns from 0 and words that its columns do not
        hold below; else their names are "0", "1", ... Columns without a name are left out if they have no values, or
        count the rows.

    Raises
    ------
    DataError
        No such file, no rows, rows of different lengths, two columns of one name.
    """
    path = path_of(path)
    try:
        with open_file(path) as file:
            text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    try:
        delimiter = next((mark for mark in ";\t|" if _separates(mark, text)), ",")
        rows = list(_rows(text, delimiter))
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV file ({error})") from None
    if not rows:
        raise DataError(f"{path}: no rows")
    rows, changed = _with_points(rows) if delimiter != "," else (rows, False)
    notes = ["commas in numbers are taken for decimal points"] if changed else []
    names = [name.strip() for name in rows[0]]
    if _named(rows):
        rows = rows[1:]
    else:
        names = list(map(str, range(len(rows[0]))))
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: two columns are named {twice!r}")
    for k, row in enumerate(rows):
        if len(row) != len(names):
            raise DataError(f"{path}: row {k + 1} has {len(row)} columns, the first row {len(names)}")
    if not rows:
        raise DataError(f"{path}: no rows below the names of its columns")
    kept = [k for k, name in enumerate(names) if name or any(row[k].strip() for row in rows)]
    counting = [k for k in kept if not names[k] and _counts([row[k] for row in rows])]
    if counting:
        notes.append("a column without a name, which counts the rows, is left out")
        kept = [k for k in kept if k not in counting]
    return [names[k] for k in kept], [[row[k] for k in kept] for row in rows], notes
