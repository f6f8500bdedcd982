"""Models whose code is more than a graph: what is called as it is, and that results are right whatever it does."""

import warnings

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops
from tinydl.inference.reading import Reader, Whole

RNG = np.random.default_rng(0)


class Layer(nn.Module):
    def __init__(self, f):
        self.f, self.fc = f, nn.Linear(4, 4)

    def forward(self, x):
        return self.f(self, self.fc(x))


def branching(layer, x):
    return x * 2 if x.sum() > 0 else x - 1


def noisy(layer, x):
    return x + RNG.standard_normal(4).astype("f")


def dropping(layer, x):
    return ops.dropout(x, 0.5, True)


def counting(layer, x):
    layer.calls = getattr(layer, "calls", 0) + 1
    return x


def buffered(layer, x):
    layer.total[...] += 1
    return x


def learning(layer, x):
    layer.fc.weight.data[...] *= 0.5
    return x


def keeping(layer, x):
    before, layer.last = getattr(layer, "last", None), x
    return x if before is None or before.shape != x.shape else x + before * 0


def caching(layer, x):
    if getattr(layer, "mask", None) is None:
        layer.mask = np.tri(4, dtype="f")[2]
    return x * layer.mask


READS, ELSE, STATE = ("reads the values of a tensor", "does something else at every call",
                      "changes its state at every call")


def net_of(f, inside=True):
    td.manual_seed(0)
    layer = Layer(f)
    layer.register_buffer("total", np.zeros(1))
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), layer, nn.ReLU(), nn.Linear(4, 2)) if inside else layer


@pytest.mark.parametrize(("f", "why"), [
    (branching, READS), (noisy, ELSE), (dropping, ELSE), (counting, STATE), (buffered, STATE), (learning, STATE),
    (keeping, READS), (caching, None)], ids=lambda value: getattr(value, "__name__", "-"))
def test_only_the_module_is_called_as_it_is(f, why):
    reader = Reader(net_of(f).eval())
    graph = reader.graph(np.ones((5, 4), np.float32))
    names = [node.name for node in graph.nodes]
    if why is None:
        assert names == ["Linear", "ReLU", "Linear", "Mul", "ReLU", "Linear"] and not reader.apart
    else:
        assert names == ["Linear", "ReLU", "Layer", "ReLU", "Linear"]
        assert [(path, said) for path, (_, said) in reader.apart.items()] == [("2", why)]
    assert graph.result.shape == (5, 2)


@pytest.mark.parametrize(("f", "why"), [(branching, READS), (dropping, ELSE), (counting, STATE)],
                         ids=lambda value: getattr(value, "__name__", "-"))
def test_the_model_itself(f, why):
    with pytest.raises(Whole, match=why):
        Reader(net_of(f, False).eval()).graph(np.ones((5, 4), np.float32))


def predicted(predictor, x):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        y = predictor(x)
    return y, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("inside", [True, False])
def test_control_flow_that_depends_on_values(inside):
    net = net_of(branching, inside)
    predictor = td.freeze(net)
    said = []
    for k, n in enumerate((1, 2, 7, 64, 7)):
        x = RNG.standard_normal((n, 4)).astype("f") + (-1) ** k
        y, texts = predicted(predictor, x)
        said += texts
        with td.no_grad():
            assert np.allclose(y, net.eval()(x).numpy(), rtol=1e-5, atol=1e-6)
    assert said == ["freeze: Layer (2) reads the values of a tensor and is called as it is" if inside else
                    "freeze: Layer reads the values of a tensor and is computed by the ordinary path"]


def test_a_model_with_a_memory_remembers_its_calls_and_not_the_traces():
    def remember(layer, x):
        layer.total[...] += 1
        return x * float(layer.total[0])

    for inside in (True, False):
        net = net_of(remember, inside)
        predictor, x = td.freeze(net), np.ones((3, 4), np.float32)
        with td.no_grad():
            expected = [net.eval()(x).numpy().copy() for _ in range(3)]
        assert all(np.allclose(predicted(predictor, x)[0], y, rtol=1e-5) for y in expected)


def test_traces_draw_no_random_numbers():
    predictor = td.freeze(net_of(dropping))
    td.manual_seed(3)
    y, texts = predicted(predictor, np.ones((3, 4), np.float32))
    assert texts == ["freeze: Layer (2) does something else at every call and is called as it is"]
    again = predicted(predictor, np.ones((3, 4), np.float32))[0]
    td.manual_seed(3)
    assert np.array_equal(predictor(np.ones((3, 4), np.float32)), y) and not np.array_equal(y, again)


BY_SIZE = {
    "branches": lambda layer, x: ops.relu(x) if len(x) > 9 else ops.tanh(x),
    "first nine": lambda layer, x: x + x[:9].mean(0), "mean of the batch": lambda layer, x: x - x.sum(0) / len(x),
    "first half": lambda layer, x: x + x[:1 + len(x) // 2].mean(0),
    "squeezed": lambda layer, x: x.unsqueeze(2).squeeze().reshape(-1, 4),
    "one by one": lambda layer, x: ops.stack(list(x)),
    "position": lambda layer, x: x * np.arange(len(x), dtype="f")[:, None],
}


@pytest.mark.parametrize("name", BY_SIZE)
def test_code_that_depends_on_the_batch_size(name, evaluated):
    net = nn.Sequential(nn.Linear(4, 4), Layer(BY_SIZE[name]), nn.Linear(4, 3))
    predictor = td.freeze(net)
    for n in (5, 1, 2, 7, 64, 10, 9, 5):
        x = RNG.standard_normal((n, 4)).astype("f")
        y, texts = predicted(predictor, x)
        assert np.allclose(y, evaluated(net, x), rtol=1e-5, atol=1e-5)
        assert not any("ordinary path" in text and "Net" in text for text in texts)


def test_a_size_that_the_code_does_not_take():
    def picky(layer, x):
        if len(x) < 8:
            raise ValueError("at least 8")
        return x

    net = net_of(picky)
    predictor = td.freeze(net)
    x = RNG.standard_normal((9, 4)).astype("f")
    y, texts = predicted(predictor, x)
    with td.no_grad():
        assert np.allclose(y, net.eval()(x).numpy(), rtol=1e-5) and texts == []
    with pytest.raises(ValueError, match="at least 8"):
        predictor(x[:4])


def test_what_is_no_tensor_is_refused():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x * 2

    class Array(nn.Module):
        def forward(self, x):
            return x.numpy()

    for model, kind in ((Pair(), "tuple"), (Array(), "ndarray")):
        predictor = td.freeze(model)
        with pytest.raises(TypeError, match=f"{type(model).__name__} returns a {kind}; a predictor returns one array"):
            predicted(predictor, np.ones((2, 3), np.float32))


def test_a_result_that_does_not_depend_on_the_input():
    class Constant(nn.Module):
        def forward(self, x):
            return td.tensor(np.ones((len(x), 2), "f"))

    y, texts = predicted(td.freeze(Constant()), np.ones((3, 4), np.float32))
    assert y.tolist() == [[1, 1]] * 3
    assert texts == ["freeze: Constant returns what does not depend on its input and is computed by the ordinary path"]


def test_shapes_that_depend_on_values_inside_an_operation():
    class Positive(td.Function):
        @staticmethod
        def forward(ctx, x):
            return x[x.sum(1) > 0]

    class Some(nn.Module):
        def forward(self, x):
            return Positive.apply(x) * 2

    predictor = td.freeze(Some())
    x = np.ones((4, 3), np.float32)
    said = []
    for k in range(4):
        y, texts = predicted(predictor, x)
        said += texts
        assert np.array_equal(y, 2 * x[:4 - k])
        x[3 - k] = -1
    assert said == ["freeze: Positive (Some) has no frozen form and is computed by the ordinary path",
                    "freeze: Some has an operation whose shape depends on values, and is computed by the ordinary path"]


def test_errors_are_those_of_the_model():
    def broken(layer, x):
        raise RuntimeError("never")

    predictor = td.freeze(net_of(broken))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="never"):
            predictor(np.ones((2, 4), np.float32))


def test_the_caller_of_a_replay_pays_no_forward():
    calls = []

    class Costly(td.Function):
        @staticmethod
        def forward(ctx, x):
            calls.append(len(x))
            return x * 2

    reader = Reader(net_of(lambda layer, x: Costly.apply(x)).eval())
    for n in (7, 64, 7, 1):
        assert reader.graph(np.ones((n, 4), np.float32)).result.shape == (n, 2)
    assert calls == [2, 3]
