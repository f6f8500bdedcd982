"""Gradients as results: values, what is left alone, what is refused."""

import numpy as np
import pytest

import tinydl as td


def test_gradients_of_leaves_and_results():
    x, w = td.tensor([1.0, 2.0], requires_grad=True), td.tensor([3.0, 4.0], requires_grad=True)
    h = x * w
    y = (h * h).sum()
    dx, dh = td.autograd.grad(y, [x, h])
    assert dh.tolist() == [6, 16] and dx.tolist() == [18, 64] and isinstance(dx, td.Tensor)
    assert x.grad is None and w.grad is None
    with pytest.raises(RuntimeError, match="ran through"):
        td.autograd.grad(y, x)


def test_several_outputs_and_weights():
    x = td.tensor([1.0, 2.0], requires_grad=True)
    h = x * 3
    first = td.autograd.grad([h, h * h], [x], [td.tensor([1.0, 0.0]), [0.0, 1.0]], retain_graph=True)
    assert first[0].tolist() == [3, 36]
    assert td.autograd.grad(h, x, np.array([1, 2]), retain_graph=True)[0].tolist() == [3, 6]
    assert td.autograd.grad((h * x).sum(), x)[0].tolist() == [6, 12]
    assert td.autograd.grad(x.sum() * 1, [x])[0].tolist() == [1, 1]


def test_an_input_that_takes_no_part():
    x, z = td.tensor([1.0], requires_grad=True), td.tensor([1.0], requires_grad=True)
    y = x * 2
    with pytest.raises(RuntimeError, match=r"no output depends on input 1 of shape \(1,\); allow_unused"):
        td.autograd.grad(y, [x, z], retain_graph=True)
    found = td.autograd.grad(y, [x, z], allow_unused=True)
    assert found[0].item() == 2 and found[1] is None


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda x: td.autograd.grad(x * 2, x, create_graph=True), NotImplementedError, "no gradients of gradients"),
    (lambda x: (x * 2).backward([1, 1], create_graph=True), NotImplementedError, "no gradients of gradients"),
    (lambda x: td.autograd.grad(x * 2, x), RuntimeError, "needs a one-element tensor"),
    (lambda x: td.autograd.grad(td.ones(1), x), TypeError, "outputs are tensors that require a gradient, number 0"),
    (lambda x: td.autograd.grad([x * 2, x], x, [1.0]), ValueError, "2 outputs need as many grad_outputs, got 1"),
    (lambda x: td.autograd.grad((x * 2).sum(), [x, 3]), TypeError, "inputs are tensors .* number 1 is 3")])
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(td.tensor([1.0, 2.0], requires_grad=True))


def test_function_is_the_librarys():
    assert td.autograd.Function is td.Function
