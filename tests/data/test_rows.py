"""CSV files as programs write them: separators, headers, quotes, decimal commas, and what is none."""

import pytest

from tinydl.data import DataError
from tinydl.data.rows import read_table, to_number


def write(tmp_path, text):
    path = tmp_path / "own.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(("text", "names"), [
    ("x,y,label\n1,2,a\n", ["x", "y", "label"]), ("x;y;label\n1;2;a\n", ["x", "y", "label"]),
    ("x\ty\tlabel\n1\t2\ta\n", ["x", "y", "label"]), ("x|y|label\n1|2|a\n", ["x", "y", "label"]),
    ("\ufeffx,y,label\r\n1,2,a\r\n\r\n", ["x", "y", "label"]), ("x,y,label\r1,2,a\r", ["x", "y", "label"]),
    ("1,2,a\n", ["0", "1", "2"]), ('"x, or not",y,label\n1,2,a\n', ["x, or not", "y", "label"]),
    ("x,a;b,label\n1,2,a\n", ["x", "a;b", "label"]),  # one semicolon does not make it a separator
    ("x,y,label,\n1,2,a,\n", ["x", "y", "label"]),  # spreadsheets leave an empty column at the end
])
def test_separators_and_headers(tmp_path, text, names):
    assert read_table(write(tmp_path, text)) == (names, [["1", "2", "a"]], [])


@pytest.mark.parametrize(("text", "expected"), [
    ("x;y;label\n0,5;-1,25e3;a, b\n", (["x", "y", "label"], [["0.5", "-1.25e3", "a, b"]])),
    ("0,5;-,5;1\n2;3,0;1\n", (["0", "1", "2"], [["0.5", "-.5", "1"], ["2", "3.0", "1"]])),
    ("x\ty\n1,000\t2\n", (["x", "y"], [["1.000", "2"]])),
])
def test_decimal_commas(tmp_path, text, expected):
    assert read_table(write(tmp_path, text)) == (*expected, ["commas in numbers are taken for decimal points"])


@pytest.mark.parametrize(("text", "names", "n"), [
    ("0,1,label\n5,6,a\n7,8,b\n", ["0", "1", "label"], 2),  # as pandas names the columns of an array
    ("0,1,2,3\n5,6,7,8\n", ["0", "1", "2", "3"], 1),
    ("0,1,a\n5,6,b\n7,8,a\n", ["0", "1", "2"], 3),  # a is a label, for it is one below
    ("0,1,2\n5,6,7\n", ["0", "1", "2"], 2), ("0,1,3,a\n5,6,7,b\n", ["0", "1", "2", "3"], 2),
    ("0,1,a\n", ["0", "1", "2"], 1),
])
def test_numbers_as_names(tmp_path, text, names, n):
    found, rows, _ = read_table(write(tmp_path, text))
    assert (found, len(rows)) == (names, n)


@pytest.mark.parametrize(("first", "kept"), [(0, False), (1, False), (2, True)])
def test_a_column_that_counts_the_rows(tmp_path, first, kept):
    text = ",x,label\n" + "".join(f"{k},{k * k},a\n" for k in range(first, first + 5))
    names, rows, notes = read_table(write(tmp_path, text))
    assert names == (["", "x", "label"] if kept else ["x", "label"]) and len(rows[0]) == len(names)
    assert notes == ([] if kept else ["a column without a name, which counts the rows, is left out"])


def test_quotes(tmp_path):
    text = '"x","label"\n"1","a ""b"""\n"2","c\nd"\n"3","e, f; g"\n'
    assert read_table(write(tmp_path, text))[1] == [["1", 'a "b"'], ["2", "c\nd"], ["3", "e, f; g"]]


@pytest.mark.parametrize(("text", "message"), [
    ("", "no rows"),
    ("x,y\n1,2\n3\n", "row 2 has 1 columns, the first row 2"), ("x,y\n1," + "z" * 200_000, "not a CSV file"),
    ("x,y\n1,2\n".encode("utf-16"), "not UTF-8 text at byte 0; save it as UTF-8"),
])
def test_what_is_no_table(tmp_path, text, message):
    with pytest.raises(DataError, match=rf"own\.csv: .*{message}"):
        read_table(write(tmp_path, text))


def test_numbers():
    assert [to_number(text) for text in ("1", " -2.5e3 ", "1,5", "", "a")] == [1, -2500, None, None, None]
