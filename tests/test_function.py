import numpy as np
import pytest

import tinydl as td
from tinydl import nn


class Multiply(td.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, dz):
        x, y = ctx.saved_tensors
        return dz * y, dz * x


class Sigmoid(td.Function):
    @staticmethod
    def forward(ctx, x):
        z = 1 / (1 + np.exp(-x))
        ctx.save_for_backward(z)
        return z

    @staticmethod
    def backward(ctx, dz):
        (z,) = ctx.saved_tensors
        return dz * (1 - z) * z


def test_multiply_and_sigmoid():
    x, y = td.tensor([2.0], requires_grad=True), td.tensor([3.0], requires_grad=True)
    Multiply.apply(x, y).backward([10.0])
    assert x.grad.tolist() == [30] and y.grad.tolist() == [20]
    z = td.tensor([0.0], requires_grad=True)
    Sigmoid.apply(z).backward([2.0])
    assert z.grad.tolist() == [0.5]


def test_a_users_function_trains_in_a_net():
    class Gate(nn.Module):
        def forward(self, x):
            return Sigmoid.apply(x)

    td.manual_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = nn.Sequential(nn.Linear(2, 16), Gate(), nn.Linear(16, 2))
    opt = td.optim.Adam(net.parameters(), lr=0.1)
    loss_fn = nn.CrossEntropyLoss()
    for _ in range(100):
        opt.zero_grad()
        loss = loss_fn(net(x), y)
        loss.backward()
        opt.step()
    assert loss.item() < 0.1


def test_keyword_and_plain_arguments_pass_through():
    class Scale(td.Function):
        @staticmethod
        def forward(ctx, x, factor, *, offset=0):
            assert ctx.needs_input_grad == (True, False)
            ctx.save_for_backward(factor)
            return x * factor + offset

        @staticmethod
        def backward(ctx, dy):
            (factor,) = ctx.saved_tensors
            return dy * factor, None

    x = td.tensor([1.0], requires_grad=True)
    y = Scale.apply(x, 3.0, offset=1)
    assert y.data.tolist() == [4] and y.creator.name == "Scale"
    y.backward()
    assert x.grad.tolist() == [3]


def test_unneeded_gradients_may_be_none():
    class First(td.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, dz):
            return tuple(dz if needed else None for needed in ctx.needs_input_grad)

    x, y = td.tensor([1.0], requires_grad=True), td.tensor([1.0])
    First.apply(x, y).backward()
    assert x.grad.tolist() == [1] and y.grad is None


@pytest.mark.parametrize(
    "result, message",
    [
        (lambda dy: (dy, dy), "returned 2 gradients for 1 arguments"),
        (lambda dy: dy[:1], r"gradient of shape \(1,\) for argument 0 of shape \(2,\)"),
    ],
)
def test_wrong_gradients_are_named(result, message):
    class Broken(td.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, dy):
            return result(dy)

    with pytest.raises(
        RuntimeError,
        match="Broken.backward returned.*" + message.removeprefix("returned ")
        if message.startswith("returned")
        else message,
    ):
        Broken.apply(td.tensor([1.0, 2.0], requires_grad=True)).sum().backward()


def test_forward_must_not_return_a_tensor():
    class Broken(td.Function):
        @staticmethod
        def forward(ctx, x):
            return td.tensor(x)

    with pytest.raises(TypeError, match="Broken.forward must return a NumPy array, not a Tensor"):
        Broken.apply(td.tensor([1.0]))


def test_gradients_in_another_type_are_converted():
    class Wide(td.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, dy):
            return dy.astype(np.float64) * 2

    x = td.tensor([1.0], requires_grad=True)
    Wide.apply(x).backward()
    assert x.grad.dtype == np.float32


def test_scalars_become_arrays():
    class Total(td.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.sum()

        @staticmethod
        def backward(ctx, dy):
            return np.broadcast_to(dy, ctx.saved_tensors[0].shape)

    x = td.tensor(np.ones((2, 3, 4, 4)), requires_grad=True)
    y = Total.apply(td.ops.tanh(x))
    assert y.shape == ()
    y.backward()
    assert x.grad.shape == x.shape


def test_not_implemented():
    with pytest.raises(NotImplementedError):
        td.Function.apply(td.tensor([1.0]))


def test_forward_must_return_real_numbers():
    for result in (np.array(["a"]), "abc", [1j], np.array([None])):
        class Broken(td.Function):
            @staticmethod
            def forward(ctx, x, result=result):
                return result

        with pytest.raises(TypeError, match="Broken.forward must return an array of real numbers, got dtype"):
            Broken.apply(td.tensor([1.0]))
