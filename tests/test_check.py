import math

import numpy as np
import pytest

import tinydl as td
from tinydl._check import dtype_of, flag, index_of, integer, items, meant, number, one_of, one_or_many, path_of


class Index:
    def __index__(self):
        return 7


@pytest.mark.parametrize(("value", "want"), [(3, 3), (np.int64(3), 3), (np.uint8(255), 255), (Index(), 7)])
def test_integers_pass(value, want):
    got = integer("f", "n", value, 0)
    assert got == want and type(got) is int


@pytest.mark.parametrize("value", [3.0, True, np.float32(3), "3", None, math.nan, [3], np.bool_(1), np.zeros(2, int)])
def test_what_is_no_integer_is_named(value):
    with pytest.raises(TypeError, match=r"^f: n must be an integer, got "):
        integer("f", "n", value, 0)


def test_integers_below_the_least():
    with pytest.raises(ValueError, match=r"^f: n must be at least 2, got 1$"):
        integer("f", "n", 1, 2)


@pytest.mark.parametrize("value", [0, 0.5, np.float64(0.5), np.array(0.5), 1e300])
def test_numbers_pass(value):
    got = number("f", "x", value)
    assert got == float(value) and type(got) is float


def test_bounds_are_closed_unless_told():
    assert number("f", "x", 0.0) == 0
    assert number("f", "x", 1.0, high=1.0, open_high=False) == 1


@pytest.mark.parametrize("value", [True, "1", b"1", None, [1, 2], 1j, 10**400])
def test_what_is_no_number_is_named(value):
    with pytest.raises(TypeError, match=r"^f: x must be a number, got "):
        number("f", "x", value)


@pytest.mark.parametrize(("value", "kwargs", "message"), [
    (math.nan, {}, "finite number >= 0, got nan"),
    (math.inf, {}, "finite number >= 0, got inf"),
    (-math.inf, {"low": -math.inf, "open_low": True}, "finite number, got -inf"),
    (-1, {}, ">= 0, got -1"),
    (0, {"open_low": True}, "> 0, got 0"),
    (1, {"high": 1.0}, ">= 0 and < 1, got 1"),
    (2, {"high": 1.0, "open_high": False}, ">= 0 and <= 1, got 2"),
])
def test_numbers_out_of_bounds(value, kwargs, message):
    with pytest.raises(ValueError, match=message):
        number("f", "x", value, **kwargs)


def test_a_tensor_is_no_number():
    """Kept as a setting it would change with its values."""
    with pytest.raises(TypeError, match="f: x must be a number, got tensor"):
        number("f", "x", td.tensor(0.5))


def test_numbers_that_need_not_be_finite():
    assert math.isnan(number("f", "x", math.nan, finite=False)) and number("f", "x", -math.inf, finite=False) < 0
    with pytest.raises(TypeError, match="x must be a number, got 'nan'"):
        number("f", "x", "nan", finite=False)


def test_an_index_is_an_integer_of_any_kind():
    assert [index_of(v) for v in (3, np.uint8(3), np.array(3), Index())] == [3, 3, 3, 7]
    assert [index_of(v) for v in (True, 3.0, np.zeros(2, int), np.array(3.0), None, "3")] == [None] * 6


@pytest.mark.parametrize("value", [True, np.bool_(True), 1, np.int64(1)])
def test_flags_pass(value):
    assert flag("f", "x", value) is True and flag("f", "x", type(value)(0)) is False


@pytest.mark.parametrize("value", [None, 2, 1.0, "True", np.zeros(2, bool), [True], math.nan])
def test_what_is_no_flag_is_named(value):
    with pytest.raises(TypeError, match=r"^f: x must be True or False, got "):
        flag("f", "x", value)


def test_words_of_a_list():
    assert one_of("f", "mode", "min", ("min", "max")) == "min"
    for value in ("Min", None, ["min"], np.array(["min", "max"]), {}):
        with pytest.raises(ValueError, match=r"^f: mode must be 'min' or 'max', got "):
            one_of("f", "mode", value, ("min", "max"))


def test_sequences_and_types():
    assert items("f", "params", (k for k in (1, 2))) == [1, 2]
    with pytest.raises(TypeError, match=r"^f: params must be a sequence, got 3$"):
        items("f", "params", 3)
    assert dtype_of("f", "float32") == np.float32 == dtype_of("f", np.dtype("f4"))
    for value in ("mean", 3, [1]):
        with pytest.raises(TypeError, match=r"^f takes a type of numbers such as 'float32', got "):
            dtype_of("f", value)


@pytest.mark.parametrize("values", [(2, 3), ((2, 3),), ([2, 3],)])
def test_numbers_or_one_sequence_of_them(values):
    assert tuple(one_or_many(values)) == (2, 3)


def test_an_array_alone_is_one_number():
    (only,) = one_or_many((np.array([2, 3]),))
    assert only.tolist() == [2, 3]


@pytest.mark.parametrize(("value", "text"), [("lenet6", "did you mean lenet5? "), ("xyz", ""), (7, "")])
def test_what_may_have_been_meant(value, text):
    assert meant(value, ("lenet5", "mlp")) == text


def test_paths_pass(tmp_path):
    assert path_of("a") == "a" and path_of(b"a") == b"a" and path_of(tmp_path) == str(tmp_path)


@pytest.mark.parametrize("value", [3.5, None, ["a"], np.zeros(2)])
@pytest.mark.parametrize("read", [
    path_of, td.load, td.load_predictor, td.from_onnx, td.data.load_csv, td.data.load_image_folder, td.data.load_npz,
    lambda path: td.save({}, path)])
def test_what_names_no_file_is_told(read, value):
    with pytest.raises(TypeError, match=r"^a file or a folder is named by a string or a path, got "):
        read(value)
