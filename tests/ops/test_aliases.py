"""PyTorch's calls of operations that are called otherwise here."""

import numpy as np
import pytest

import tinydl as td

X = np.array([[1.0, 5.0, 5.0], [-2.0, 0.0, 7.0]])


def test_extremes_with_their_places():
    x = td.tensor(X, requires_grad=True)
    values, places = x.max(1)
    assert values.tolist() == [5, 7] and places.tolist() == [1, 2] and places.dtype == np.int64
    assert x.min(dim=0, keepdim=True).values.tolist() == [[-2, 0, 5]]
    assert x.max().item() == 7 and x.max(axis=1).tolist() == [5, 7] and x.max(keepdims=True).shape == (1, 1)
    assert x.max(td.tensor(X[::-1].copy())).tolist() == [[1, 5, 7], [1, 5, 7]]
    values.sum().backward()
    assert x.grad.tolist() == [[0, 1, 0], [0, 0, 1]]
    with pytest.raises(TypeError, match="got dim=0 and axis=1"):
        x.max(0, axis=1)


def test_sizes_and_types():
    x = td.tensor(X)
    assert x.size == 6 and x.size() == (2, 3) and x.size(-1) == 3 and x.numel() == 6 and x.dim() == 2
    assert x.long().dtype == np.int64 and x.float().dtype == np.float32 and x.double() is x and x.bool().dtype == bool
    assert x.to(td.float32).dtype == x.to("float32").dtype == x.to(dtype=np.float32).dtype == np.float32
    assert x.to("cpu") is x.to(td.device("cpu")) is x.cpu() is x and x.type_as(td.ones(1)).dtype == np.float32
    with pytest.raises(ValueError, match="computes on the CPU: device 'cuda' does not exist"):
        x.to("cuda")
    assert x.clone() is not x and td.equal(x.clone(), x) and td.allclose(x, X + 1e-9) and not td.equal(x, x[0])


def test_limits_and_fills():
    x = td.tensor(X)
    assert x.clamp(0, 5).tolist() == [[1, 5, 5], [0, 0, 5]] and x.clamp(min=2).max().item() == 7
    assert td.tensor([1, 9]).clamp(max=5).tolist() == [1, 5]
    assert x.masked_fill(x > 1, 0).tolist() == [[1, 0, 0], [-2, 0, 0]]
    assert x.add(1, alpha=2).tolist() == (X + 2).tolist() and x.sub(x, alpha=0.5).tolist() == (X / 2).tolist()
    assert x.square().tolist() == td.square(X).tolist() == (X * X).tolist()


def test_products():
    x = td.tensor(X)
    assert x.mm(x.t()).tolist() == (X @ X.T).tolist() and x[0].dot(x[1]).item() == 33
    assert td.outer(x[0], x[1]).tolist() == np.outer(X[0], X[1]).tolist()
    assert td.bmm(x[None], x.t()[None]).tolist() == (X @ X.T)[None].tolist()
    for equation in ("ij,kj->ik", "ij,ik->jk", "ij,ij->", "ij,ij->i", "ij,kl->jl", "ij,jk->ki"):
        operands = (X, X.T) if equation == "ij,jk->ki" else (X, X)
        np.testing.assert_allclose(td.einsum(equation, *map(td.tensor, operands)).data, np.einsum(equation, *operands))
    assert td.einsum("ij->ji", x).tolist() == X.T.tolist() and td.einsum("ij", x).tolist() == X.tolist()


@pytest.mark.parametrize(("call", "message"), [
    (lambda x: x.mm(x), "do not fit"), (lambda x: x.mm(x[0]), "mm takes two tensors with 2 axes"),
    (lambda x: td.einsum("ii->i", x), "each once an operand"), (lambda x: td.einsum("ij,jk->ik", x, x), "j has the"),
    (lambda x: td.einsum("ijk->i", x), "does not fit the shapes"), (lambda x: td.einsum("ij->k", x), "takes letters"),
    (lambda x: td.einsum("i,i,i->", x, x, x), "one or two tensors")])
def test_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(td.tensor(X))
