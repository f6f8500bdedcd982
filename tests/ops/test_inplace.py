"""Changes in place: what changes, what stays, and which gradients follow."""

import numpy as np
import pytest

import tinydl as td


def test_a_leaf_changes_under_no_grad_alone():
    w = td.Parameter([1.0, 2.0])
    array = w.data
    for change in (lambda: w.add_(1), lambda: w.__isub__(1), lambda: w.__setitem__(0, 3.0), lambda: w.zero_()):
        with pytest.raises(RuntimeError, match="write `with td.no_grad"):
            change()
    before = w
    with td.no_grad():
        w -= 0.5 * np.ones(2, np.float32)
        w *= 2
        w[0] = 7
        w.add_(td.ones(2), alpha=3)
    assert w is before and w.data is array and w.tolist() == [10, 6] and isinstance(w, td.Parameter)
    with td.no_grad():
        assert w.fill_(2).tolist() == [2, 2] and w.copy_(td.tensor([1.0])).tolist() == [1, 1]
        assert w.zero_().div_(1).neg_().clamp_(min=1).mul_(4).sub_(1).tolist() == [3, 3]
        assert w.uniform_(2, 3).min().item() >= 2 and w.normal_(9, 0).tolist() == [9, 9]


def test_a_change_between_forward_and_backward_is_found():
    w = td.Parameter([1.0, 2.0])
    y = (w * w).sum()
    with td.no_grad():
        w += 1
    with pytest.raises(RuntimeError, match="were changed in place since"):
        y.backward()


def test_recorded_changes_have_gradients():
    x = td.tensor([1.0, 2.0], requires_grad=True)
    h = x * 3
    kept = h * h
    h += x
    h *= 2
    (h.sum() + kept.sum()).backward()
    assert x.grad.tolist() == [8 + 18, 8 + 36]
    total = td.zeros(2)
    total += x * x
    total.sum().backward()
    assert x.grad.tolist() == [26 + 2, 44 + 4] and not total.is_leaf


def test_what_was_computed_from_a_tensor_keeps_its_values():
    w = td.tensor([2.0], requires_grad=True)
    x = td.tensor([3.0])
    y = w * x
    x += 10
    y.backward()
    assert w.grad.tolist() == [3] and x.tolist() == [13]
    a = np.zeros(2, np.float32)
    x = td.from_numpy(a)
    view = x.reshape(2, 1)
    x += 1
    assert a.tolist() == [0, 0] and view.tolist() == [[0], [0]] and x.tolist() == [1, 1]


def test_entries():
    x = td.zeros(2, 3)
    x[0] = td.tensor([1.0, 2.0, 3.0])
    x[1, ::2] = 5
    x[x > 2] += 1
    assert x.tolist() == [[1, 2, 4], [6, 0, 6]]
    x[td.tensor([1]), td.tensor([1])] = 9
    assert x[1, 1].item() == 9
    h = td.tensor([1.0], requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="use td.where"):
        h[0] = 1


@pytest.mark.parametrize(("change", "error", "message"), [
    (lambda: td.zeros(2).add_(td.zeros(3, 2)), ValueError, r"cannot become one of shape \(3, 2\)"),
    (lambda: td.tensor([1]).div_(2), ValueError, "cannot become one of shape .* and float32"),
    (lambda: td.tensor([1]).fill_(0.5), ValueError, "a tensor of int64 holds no 0.5"),
    (lambda: td.tensor([1], dtype=np.uint8).fill_(300), ValueError, "a tensor of uint8 holds no 300"),
    (lambda: td.tensor([1]).normal_(), TypeError, "normal_ needs float32 or float64"),
    (lambda: td.zeros(2).copy_(td.zeros(3)), ValueError, "does not broadcast"),
    (lambda: td.Parameter([1.0], requires_grad=False).add_(td.tensor([1.0], requires_grad=True)), RuntimeError,
     "a Parameter cannot become")])
def test_refused(change, error, message):
    with pytest.raises(error, match=message):
        change()


def test_other_operands_are_pythons_own_error():
    x = td.zeros(2)
    with pytest.raises(TypeError, match="unsupported operand"):
        x += "a"
