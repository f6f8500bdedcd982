"""A straight line from one factor to another."""

import pytest

from tinydl.optim import LinearLR


def test_linear_lr(optimizer, path, near):
    assert path(LinearLR(optimizer(), 0.25, 1.0, 3), 5) == near([0.25, 0.5, 0.75, 1, 1, 1])
    assert path(LinearLR(optimizer(), 1.0, 0.0, 2), 3) == near([1, 0.5, 0, 0])
    assert path(LinearLR(optimizer(0.3)), 0) == near([0.1])


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda o: LinearLR(o, 0.0), ValueError, "start_factor must be .*>= 1e-300 and <= 1, got 0.0"),
    (lambda o: LinearLR(o, end_factor=2.0), ValueError, "end_factor must be .* got 2.0"),
])
def test_bad_arguments(make, error, message, optimizer):
    with pytest.raises(error, match=message):
        make(optimizer())
