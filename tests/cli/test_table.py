"""Tables that fit."""

from tinydl.cli.table import fitted, terminal_width

HEAD, ROWS = ("run", "lr"), [("a", "0.1"), ("long-name", "0.05")]


def test_a_row_is_a_line_where_it_fits():
    assert fitted(HEAD, ROWS, 15) == ["run        lr", "a          0.1", "long-name  0.05"]


def test_a_row_is_a_column_where_it_does_not():
    assert fitted(HEAD, ROWS, 14) == ["run  a", "lr   0.1", "", "run  long-name", "lr   0.05"]
    assert fitted(HEAD, [("a", "one two three"), ("b", "x")], 12) == ["run  a", "lr   one two", "     three", "",
                                                                     "run  b", "lr   x"]


def test_columns_stand_side_by_side():
    rows = [(f"run{k}", "word " * 20) for k in range(5)]
    lines = fitted(HEAD, rows, 80)
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["run", "run0", "run1", "run2"]
    assert [line.split() for line in lines if line.startswith("run")][1] == ["run", "run3", "run4"]


def test_words_are_cut_where_they_must():
    lines = fitted(HEAD, [("/a/path" * 30, "1")], 40)
    assert max(map(len, lines)) <= 40
    assert "".join(line[5:] for line in lines[:-1]) == "/a/path" * 30


def test_the_width_is_that_of_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "123")
    assert terminal_width() == 123
