"""The words of a formula, by which the search finds it."""

import pytest

from tools.website.formulas import plain


@pytest.mark.parametrize("tex, words", [
    (r"y = x W^\top + b", "y = x W^T + b"),
    (r"\frac{\partial L}{\partial w_j} = -(t - y)", "(d L)/(d w_j) = -(t - y)"),
    (r"\sum_{k} \alpha\, |w_k|^p", "sum_k alpha |w_k|^p"),
    (r"\frac{1}{\sqrt{\text{fan\_in}}}", "(1)/(sqrt(fan_in))"),
    (r"\mathrm{d}x \leq 3 \cdot 4", "dx <= 3 * 4"),
    (r"\begin{aligned} a &= 1 \\ b &= 2 \end{aligned}", "a = 1 b = 2"),
])
def test_plain(tex, words):
    assert plain(tex) == words
