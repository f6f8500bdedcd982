"""Schedules that multiply: literal rates, states, what is refused."""

import json

import pytest

from tinydl.optim import ConstantLR, ExponentialLR, LambdaLR, MultiplicativeLR, PolynomialLR


@pytest.mark.parametrize(("make", "expected"), [
    (lambda opt, **more: ExponentialLR(opt, 0.5, **more), [1, 0.5, 0.25, 0.125, 0.0625]),
    (lambda opt, **more: ConstantLR(opt, 0.25, 2, **more), [0.25, 0.25, 1, 1, 1]),
    (lambda opt, **more: PolynomialLR(opt, 4, 2.0, **more), [1, 9 / 16, 1 / 4, 1 / 16, 0]),
    (lambda opt, **more: LambdaLR(opt, lambda t: 1 / (1 + t), **more), [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]),
    (lambda opt, **more: MultiplicativeLR(opt, lambda t: t, **more), [1, 1, 2, 6, 24])], ids=range(5))
def test_rates(make, expected, optimizer, path, near):
    opt = optimizer()
    made = make(opt)
    assert path(made, 4) == near(expected)
    other = make(optimizer())
    other.load_state_dict(json.loads(json.dumps(made.state_dict())))
    assert other.last_epoch == 4
    assert make(opt, last_epoch=2).get_last_lr() == near(expected[3:4])  # as if four steps had not been done


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda opt: ExponentialLR(opt, -1), ValueError, "gamma must be"), (lambda opt: ConstantLR(opt, 0), ValueError,
                                                                        "factor must be"),
    (lambda opt: LambdaLR(opt, 0.5), TypeError, "a function of the step, got 0.5"),
    (lambda opt: LambdaLR(opt, [abs, abs]), ValueError, "2 functions for 1 parameter groups"),
    (lambda opt: LambdaLR(opt, lambda t: "a"), TypeError, r"lr_lambda\(0\) must be a number"),
    (lambda opt: PolynomialLR(opt, 0), ValueError, "total_iters must be")])
def test_refused(make, error, message, optimizer):
    with pytest.raises(error, match=message):
        make(optimizer())
