"""CSV files: what is read, which column is the label, and what is wrong where."""

import numpy as np
import pytest

from tinydl.data import DataError, load_csv
from tinydl.data.table import read_features


def write(tmp_path, text):
    path = tmp_path / "own.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def rows(n=20, label=lambda k: "ab"[k % 2], sep=","):
    return "".join(f"{k}{sep}{-k / 2}{sep}{label(k)}\n" for k in range(n))


def test_features_and_labels(tmp_path):
    train, test = load_csv(write(tmp_path, "u,v,label\n" + rows()))
    assert (len(train), len(test)) == (16, 4) and train.class_names == ("a", "b") and train.image_shape == (2,)
    for part in (train, test):
        assert np.array_equal(part.labels, part.images[:, 0].astype(int) % 2)
        assert np.array_equal(part.images[:, 1], -part.images[:, 0] / 2)
    assert train.about == {"kind": "table", "columns": ["u", "v"], "label": "label", "notes": []}
    assert np.allclose(train.normalised().std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize(("options", "shape", "columns"), [
    ({"label": "w"}, (2,), ["u", "v"]), ({"label": -1}, (2,), ["u", "v"]), ({"label": 2, "drop": ["v"]}, (1,), ["u"]),
    ({"label": "w", "shape": (1, 2)}, (1, 2), ["u", "v"]), ({"label": "w", "shape": (2, 1, 1)}, (2, 1, 1), ["u", "v"]),
])
def test_the_label_is_said(tmp_path, options, shape, columns):
    train, _ = load_csv(write(tmp_path, "u,v,w\n" + rows()), **options)
    assert train.image_shape == shape and train.about["columns"] == columns


def test_decimal_commas_are_read_and_said(tmp_path):
    text = "u;v;label\n" + rows(sep=";").replace(".", ",")
    train, test = load_csv(write(tmp_path, text))
    for part in (train, test):
        assert np.array_equal(part.images[:, 1], -part.images[:, 0] / 2)
    assert train.about["notes"] == ["commas in numbers are taken for decimal points"]
    assert read_features(tmp_path / "own.csv", ["v"], None)[:3].tolist() == [[0], [-0.5], [-1]]


def test_kinds_of_labels(tmp_path):
    for label, task, names in ((lambda k: 1 + k % 3, None, ("1", "2", "3")), (lambda k: k / 4 + 0.1, None, None),
                               (lambda k: k, "regression", None), (lambda k: f"{k % 2}.0", "classes", ("0", "1"))):
        train, _ = load_csv(write(tmp_path, "u,v,y\n" + rows(40, label)), task=task)
        assert train.class_names == names and train.labels.dtype == (np.int64 if names else np.float32)


@pytest.mark.parametrize(("text", "options", "message"), [
    ("", {}, "no rows"), ("u,label\n", {}, "no rows below the names"), ("u,u,label\n1,2,a\n", {}, "two columns .* 'u'"),
    ("u,label\n1,a\n2\n", {}, "row 2 has 1 columns, the first row 2"),
    (b"u,label\n\xff,a\n", {}, "not UTF-8 text at byte 8"), ('u,label\n"1,a\n', {}, "not a CSV file"),
    ("u,w\n1,a\n", {}, r"which column holds the labels\? .*its columns are u, w"),
    ("1,2\n3,4\n", {}, "its columns are 0, 1"), ("u,w\n1,a\n", {"label": "label"}, "no column 'label'"),
    ("u,w\n1,a\n", {"label": 2}, "no column '2'"), ("label\na\n", {}, "no columns besides the labels"),
    ("x y label\n1 2 a\n", {}, r"a single column \('x y label'\).* comma, semicolon"),
    ("u,v,label\n1,2,a\n3,,b\n", {}, r"row 2 has no value in column 'v' \(''\)"),
    ("u,v,label\n1,2,a\n3,red,b\n", {}, "row 2 has 'red' in column 'v', which is no number; .*--drop v"),
    ("u,v,label\n1,2,a\n3,inf,b\n", {}, "row 2 has inf in column 'v'"),
    ("u,label\n1,a\n3,\n", {}, "row 2 has no label in column 'label'"),
    ("u,label\n1,a\n3,a\n", {}, "all 2 labels are a"), ("u,label\n1,a\n3,b\n", {}, "too few to hold out"),
    ("u,label\n1,a\n3,b\n", {"shape": (3, 2)}, "a sample has 1 values, shape 3x2 needs 6"),
    ("u,label\n" + "".join(f"0,{k}\n" for k in range(150)), {}, "150 different whole numbers .*--task classes or"),
])
def test_what_cannot_be(tmp_path, text, options, message):
    path = write(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        load_csv(path, **options)
    assert str(caught.value).startswith(f"{path}: ")


def test_features_of_another_file_by_name(tmp_path):
    path = write(tmp_path, "more,v,u\n9,2,1\n9,4,3\n")
    assert read_features(path, ["u", "v"], (2,)).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(DataError, match="no column 'z' and 1 others, which the run was trained on"):
        read_features(path, ["u", "z", "w"], (3,))
