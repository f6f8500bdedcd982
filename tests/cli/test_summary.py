"""`tinydl summary`."""

import pytest

from tinydl import cli


@pytest.mark.parametrize(("model", "shape", "total"), [("table_mlp", None, "18,954"), ("lenet5", "3x32x32", "83,126")])
def test_the_parameters_are_counted(capsys, model, shape, total):
    """lenet5 for 3x32x32: 6*75+6 + 16*150+16 + 576*120+120 + 120*84+84 + 84*10+10 = 83,126."""
    assert cli.main(["summary", model, *(["--input-shape", shape] if shape else [])]) == 0
    assert total in capsys.readouterr().out
