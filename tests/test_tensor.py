import copy
import gc
import pickle
import re
import weakref

import numpy as np
import pytest

import tinydl as td


def test_types_of_data():
    for whole in ([1, 2], [[1], [2]], 1, np.int64(1)):
        assert td.tensor(whole).dtype == np.int64
    assert td.tensor([1, 2.0]).dtype == td.tensor(1.0).dtype == td.tensor([]).dtype == np.float32
    assert td.tensor(True).dtype == td.tensor([True, False]).dtype == bool
    assert td.tensor([1, 2], dtype=np.float32).dtype == np.float32
    assert td.tensor(np.ones(2)).dtype == np.float64
    assert td.tensor(np.ones(2, np.float16)).dtype == np.float32
    assert td.tensor(np.arange(2)).dtype == np.int64
    assert td.tensor([1, 2], dtype="int64").dtype == np.int64
    assert td.tensor(np.ones(2, ">f8")).data.dtype.isnative
    for bad in ([1j], ["a"], [object()]):
        with pytest.raises(TypeError, match="real numbers"):
            td.tensor(bad)


def test_numbers_in_a_type_that_does_not_hold_them():
    for values, dtype, named in (([1, 300], "u1", 300), (-1, "u1", -1), ([[2**31]], "i4", 2**31), ([1e10], "i4", 1e10),
                                 ([0.0, np.nan], "i8", np.nan), (np.int64(128), "i1", 128)):
        with pytest.raises(ValueError, match=re.escape(f"tensor: an array of {np.dtype(dtype)} holds no {named}")):
            td.tensor(values, dtype=dtype)
    assert td.tensor([255, 0], dtype="u1").tolist() == [255, 0]
    assert td.tensor([-2.5, 3], dtype="i4").tolist() == [-2, 3]  # cut, as NumPy and PyTorch do
    assert td.tensor(np.array([300]), dtype="u1").tolist() == [44]  # so is an array


def test_tensor_copies_and_wrapping_does_not():
    a = np.zeros(3)
    assert td.tensor(a).data is not a
    assert td.Tensor(a).data is a


def test_only_floats_take_a_gradient():
    with pytest.raises(TypeError, match="float32 and float64 tensors take a gradient, got dtype int64"):
        td.tensor(np.arange(3), requires_grad=True)


def test_item_len_bool_repr():
    x = td.tensor([[1.5, 2.0]])
    assert len(x) == 1 and x.ndim == 2 and x.size == 2
    assert x[0, 0].item() == 1.5 and float(x[0, 0]) == 1.5 and int(x[0, 1]) == 2
    with pytest.raises(ValueError, match=r"one element, got shape \(1, 2\)"):
        x.item()
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)
    with pytest.raises(TypeError, match="no length"):
        len(td.tensor(1.0))
    assert repr(x) == "tensor([[1.5, 2. ]], dtype=float32)"
    assert "requires_grad=True" in repr(td.tensor([1.0], requires_grad=True))
    assert "creator=Mul" in repr(td.tensor([1.0], requires_grad=True) * 2)


def test_numpy_functions_take_tensors():
    x = td.tensor([1.0, 2.0])
    assert np.asarray(x) is x.data or np.shares_memory(np.asarray(x), x.data)
    assert np.sum(np.asarray(x)) == 3
    assert np.array(x, dtype=np.float64).dtype == np.float64


def test_comparisons():
    x = td.tensor([1.0, 2.0, 3.0])
    assert (x > 1.5).data.tolist() == [False, True, True]
    assert (x == x).data.all() and not (x != x).data.any()
    assert (np.float64(2) >= x).data.tolist() == [True, True, False]
    assert x is not None and x != None  # noqa: E711
    assert {x: 1}[x] == 1  # hashed by identity


def test_gradients_accumulate_until_forgotten():
    x = td.tensor([1.0], requires_grad=True)
    (x * 2).backward()
    (x * 3).backward()
    assert x.grad.tolist() == [5]
    x.zero_grad()
    assert x.grad is None


def test_backward_of_a_leaf():
    x = td.tensor([1.0, 2.0], requires_grad=True)
    upstream = np.array([1.0, 2.0], np.float32)
    x.backward(upstream)
    assert x.grad.tolist() == [1, 2] and not np.shares_memory(x.grad, upstream)


def test_several_children():
    """f = g[h(k(w), w), m(w), w, b] against finite differences."""

    def f(w, b):
        k = w * w
        return (
            ((k * w + w).sin() + td.ops.exp(w) * w + b).sum()
            if hasattr(w, "sin")
            else (td.ops.sin(k * w + w) + td.ops.exp(w) * w + b).sum()
        )

    w0, b0 = np.array([0.3, -0.7]), np.array([0.1, 0.2])
    w, b = td.tensor(w0, requires_grad=True), td.tensor(b0, requires_grad=True)
    f(w, b).backward()
    for k in range(2):
        step = np.eye(2)[k] * 1e-6
        numeric = (f(td.tensor(w0 + step), td.tensor(b0)).item() - f(td.tensor(w0 - step), td.tensor(b0)).item()) / 2e-6
        assert w.grad[k] == pytest.approx(numeric, rel=1e-6)
    assert b.grad.tolist() == [1, 1]


def test_backward_errors():
    x = td.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"one-element tensor, got shape \(2,\); reduce it"):
        (x * 2).backward()
    with pytest.raises(ValueError, match=r"gradient has shape \(3,\), the tensor \(2,\)"):
        (x * 2).backward(np.ones(3))
    with pytest.raises(RuntimeError, match="requires no gradient"):
        td.tensor([1.0]).backward()
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_retain_graph():
    x = td.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4, 8]


def test_retain_grad():
    x = td.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    y.retain_grad()
    (y * y).sum().backward()
    assert y.grad.tolist() == [6, 12]


def test_no_grad():
    x = td.tensor([1.0], requires_grad=True)
    with td.no_grad():
        y = x * 2
        with td.enable_grad():
            assert (x * 2).requires_grad
    assert not y.requires_grad and y.creator is None
    assert (x * 2).requires_grad

    @td.no_grad()
    def f():
        return x * 2

    assert not f().requires_grad and td.is_grad_enabled()


def test_detach_and_numpy():
    x = td.tensor([1.0], requires_grad=True)
    y = (x * 2).detach()
    assert not y.requires_grad
    assert y.numpy().tolist() == [2]


def test_graph_is_freed_after_backward():
    x = td.tensor(np.ones(10), requires_grad=True)
    y = x * 2
    ref = weakref.ref(y)
    z = (y * y).sum()
    del y
    z.backward()
    del z
    gc.collect()
    assert ref() is None


def test_deep_graphs_do_not_recurse():
    x = td.tensor([1.0], requires_grad=True)
    y = x
    for _ in range(5000):
        y = y + 1
    y.sum().backward()
    assert x.grad.tolist() == [1]
    del y


def test_data_setter():
    x = td.tensor([1.0, 2.0])
    x.data = np.array([3.0, 4.0], np.float32)
    assert x.data.tolist() == [3, 4]
    with pytest.raises(ValueError, match=r"shape \(2,\) cannot be replaced by an array of shape \(3,\)"):
        x.data = np.ones(3)


# --- Parameter -----------------------------------------------------------------------------------------------------


def is_laid_out(p):
    return p.data.transpose((*range(2, p.ndim), 1, 0)).flags.c_contiguous


def test_parameter_memory_has_the_output_axis_innermost():
    w = np.arange(24.0).reshape(2, 3, 2, 2)
    p = td.Parameter(w)
    assert is_laid_out(p) and np.array_equal(p.data, w) and p.requires_grad
    p.data = w + 1
    assert is_laid_out(p) and np.array_equal(p.data, w + 1)
    for q in (copy.deepcopy(p), pickle.loads(pickle.dumps(p)), copy.copy(p)):
        assert is_laid_out(q) and np.array_equal(q.data, p.data) and type(q) is td.Parameter
    assert not np.shares_memory(td.Parameter(p).data, p.data)


def test_frozen_parameter():
    p = td.Parameter(np.ones((2, 2)), requires_grad=False)
    assert not (td.tensor(np.ones((1, 2), np.float32)) @ p).requires_grad
    assert not pickle.loads(pickle.dumps(p)).requires_grad
    assert repr(p).startswith("Parameter containing:\n")


def test_scalar_parameter_survives_pickle():
    p = pickle.loads(pickle.dumps(td.Parameter(np.float32(3))))
    assert p.shape == () and p.item() == 3


def test_a_kept_graph_forgets_the_gradients_of_an_earlier_walk():
    first, second = td.nn.Conv2d(2, 2, 3, padding=1).double(), td.nn.Conv2d(2, 2, 3, padding=1).double()
    found = []
    for walk_before in (True, False):
        x = td.tensor(np.random.default_rng(0).normal(size=(1, 2, 5, 5)), requires_grad=True)
        h = first(x)
        y = second(h)
        if walk_before:
            (y + 2 * h).sum().backward(retain_graph=True)
            x.grad = None
        y.sum().backward()
        found.append(x.grad)
    np.testing.assert_array_equal(*found)


def test_a_misaligned_array_is_copied():
    memory = np.zeros(33, np.uint8)
    x = memory[1:].view(np.float64)
    x[...] = [1, 2, 3, 4]
    t = td.Tensor(x)
    assert t.data.flags.aligned and t.data.tolist() == [1, 2, 3, 4]


def test_format():
    loss = td.tensor([0.123456], requires_grad=True).sum()
    assert f"{loss:.4f}" == "0.1235" and f"{td.tensor([2.0]):g}" == "2"
    assert f"{td.tensor([1.0, 2.0])}" == "tensor([1., 2.], dtype=float32)"
    with pytest.raises(ValueError, match=r"one element, got shape \(2,\)"):
        f"{td.tensor([1.0, 2.0]):.2f}"


def test_parameters_are_float32_unless_told():
    for data in (np.ones(3), np.float64(1), [1.0, 2.0], np.ones(3, np.float16), np.ones(3, ">f8")):
        assert td.Parameter(data).dtype == np.float32
    for data in (td.tensor(np.ones(3)), td.Parameter(np.ones(3), dtype=np.float64)):
        p = td.Parameter(data)
        assert p.dtype == np.float64
        for q in (copy.deepcopy(p), pickle.loads(pickle.dumps(p)), copy.copy(p)):
            assert q.dtype == np.float64 and np.array_equal(q.data, p.data)
    assert td.Parameter(np.ones(3, np.float32), dtype=np.float64).dtype == np.float64


def test_pickle_keeps_values_and_memory_order():
    """Also of a result that batch norm and ReLU left to its reader."""
    td.manual_seed(0)
    net = td.nn.Sequential(td.nn.Conv2d(1, 4, 3), td.nn.BatchNorm2d(4), td.nn.ReLU()).eval()
    x = np.random.default_rng(0).normal(size=(2, 1, 6, 6)).astype(np.float32)
    with td.no_grad():
        y, z = net(x), net(x)
    for made in (pickle.loads(pickle.dumps(y)), copy.deepcopy(y), copy.copy(y)):
        assert np.array_equal(made.data, z.data) and made.data.strides == z.data.strides
    assert td.layout.is_channels_last(z.data)


def test_lists_that_are_no_arrays_are_named():
    loop = []
    loop.append(loop)
    for values in (loop, [[1], [1, 2]], [1, [2]]):
        for call in (td.tensor, td.Tensor, td.Parameter, td.ops.relu, td.nn.ReLU(),
                     lambda v: td.ops.add(td.tensor([1.0]), v)):
            with pytest.raises(ValueError, match=r"expected numbers, or lists of equal lengths .* got \["):
                call(values)


def test_masked_arrays_are_refused():
    """Their masked entries have no value; taken for plain arrays they would have one."""
    masked = np.ma.masked_array(np.ones(3, "f4"), [False, True, False])
    for call in (td.tensor, td.Tensor, td.ops.relu, lambda v: td.tensor(np.ones(3, "f4")) * v):
        with pytest.raises(TypeError, match=r"a masked array of shape \(3,\).*x.filled"):
            call(masked)
    assert td.ops.relu(masked.filled(0)).numpy().tolist() == [1, 0, 1]


def test_a_type_of_foreign_byte_order_is_the_native_one():
    w = td.Parameter([1.0, 2.0], dtype=">f8")
    assert w.dtype == np.float64 and w.dtype.isnative and w.numpy().tolist() == [1, 2]
