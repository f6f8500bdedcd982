"""JAX: one jitted function per step over NHWC arrays, parameters donated."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

import numpy as np

from bench.compare.protocol import arguments, serve
from bench.networks import walk


class Peer:
    name = "jax"

    def __init__(self, args):
        import jax  # its thread pool takes the size of the CPU affinity, which the protocol has set

        self.jax = jax

    def version(self):
        return self.jax.__version__

    def build(self, net, size, mode):
        jax, jnp = self.jax, self.jax.numpy
        params, running = _start(net, jnp)
        n_params = sum(int(p.size) for p in params)
        x, y = walk.batch(net, size)
        x, y = jnp.asarray(np.moveaxis(x, 1, -1)), jnp.asarray(y)
        if mode == "infer":
            predict = jax.jit(lambda p, r, x: _forward(jax, net, p, r, x, False)[0])
            return lambda: np.asarray(predict(params, running, x)), n_params

        mask = walk.trained(net)
        still = [p for p, trained in zip(params, mask, strict=True) if not trained]
        params = [p for p, trained in zip(params, mask, strict=True) if trained]

        def loss_of(params, running, x, y):
            moving, fixed = iter(params), iter(still)
            logits, running = _forward(jax, net, [next(moving if t else fixed) for t in mask], running, x, True)
            chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1)
            return -jnp.mean(chosen), running

        def train(params, momenta, running, x, y):
            (loss, running), grads = jax.value_and_grad(loss_of, has_aux=True)(params, running, x, y)
            momenta = [0.9 * m + g for m, g in zip(momenta, grads, strict=True)]
            params = [p - 1e-3 * m for p, m in zip(params, momenta, strict=True)]
            return loss, params, momenta, running

        train = jax.jit(train, donate_argnums=(0, 1, 2))
        state = [params, [jnp.zeros_like(p) for p in params], running]

        def step():
            loss, *state[:] = train(*state, x, y)
            jax.block_until_ready(state)
            return float(loss)

        return step, n_params

    def predictor(self, net):
        jax, jnp = self.jax, self.jax.numpy
        params, running = _start(net, jnp)
        predict = jax.jit(lambda p, r, x: _forward(jax, net, p, r, x, False)[0])
        x = np.moveaxis(walk.batch(net, 256)[0], 1, -1)
        return lambda size: np.asarray(predict(params, running, jnp.asarray(x[:size])))


def _start(net, jnp):
    """Parameters in the order of definition, in JAX's orders, and running statistics."""
    arrays, params, running, flat_from = iter(walk.weights(net)), [], [], None
    for layer, before, after in walk.steps(net):
        if layer[0] == "conv":
            params.append(np.moveaxis(next(arrays), (0, 1), (-1, -2)))
            params += [next(arrays)] if layer[5] else []
        elif layer[0] == "flatten":
            flat_from = before
        elif layer[0] == "linear":
            w = next(arrays)
            if flat_from is not None:  # rows follow the flattened (H, W, C), not (C, H, W)
                w = np.moveaxis(w.reshape(-1, *flat_from), 1, -1).reshape(w.shape)
                flat_from = None
            params += [w.T, *([next(arrays)] if layer[2] else [])]
        elif layer[0] == "bn":
            params += [next(arrays), next(arrays)]
            running.append((jnp.zeros(after[0]), jnp.ones(after[0])))
    return [jnp.asarray(np.ascontiguousarray(p)) for p in params], running


def _forward(jax, net, params, running, x, training):
    walker = _Walker(jax, params, running, training)
    return walker.run(net.layers, x), walker.updated


class _Walker:
    def __init__(self, jax, params, running, training):
        self.jax, self.params, self.running = jax, iter(params), iter(running)
        self.training, self.updated = training, []

    def run(self, layers, x):
        jax, jnp, lax = self.jax, self.jax.numpy, self.jax.lax
        for layer in layers:
            kind, axes = layer[0], tuple(range(1, x.ndim - 1))
            if kind == "residual":
                main = self.run(layer[1], x)
                x = jax.nn.relu(main + self.run(layer[2], x))
            elif kind == "conv":
                _, _, _, stride, padding, bias, groups, _ = layer
                orders = ("NWC", "WIO", "NWC") if x.ndim == 3 else ("NHWC", "HWIO", "NHWC")
                pads = [(p, p) for p in walk.each_axis(padding, len(axes))]
                x = lax.conv_general_dilated(x, next(self.params), (stride,) * len(axes), pads,
                                             dimension_numbers=orders, feature_group_count=groups)
                x = x + next(self.params) if bias else x
            elif kind == "bn":
                x = self.bn(x, axes)
            elif kind == "relu":
                x = jax.nn.relu(x)
            elif kind == "gelu":
                x = jax.nn.gelu(x, approximate=False)
            elif kind == "scale":
                x = x * layer[1]
            elif kind == "maxpool":
                window = (1, *[layer[1]] * len(axes), 1)
                x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
            elif kind == "gap":
                x = jnp.mean(x, axes)
            elif kind == "flatten":
                x = x.reshape(x.shape[0], -1)
            elif kind == "linear":
                x = x @ next(self.params)
                x = x + next(self.params) if layer[2] else x
        return x

    def bn(self, x, axes):
        jnp = self.jax.numpy
        gamma, beta, (mean, var) = next(self.params), next(self.params), next(self.running)
        if self.training:
            axes = (0, *axes)
            batch_mean = jnp.mean(x, axes)
            batch_var = jnp.mean(jnp.square(x), axes) - jnp.square(batch_mean)  # as Flax: one pass over x
            count = x.size // x.shape[-1]
            self.updated.append((0.9 * mean + 0.1 * batch_mean, 0.9 * var + 0.1 * batch_var * count / (count - 1)))
            mean, var = batch_mean, batch_var
        scale = gamma * self.jax.lax.rsqrt(var + 1e-5)
        return x * scale + (beta - mean * scale)


if __name__ == "__main__":
    arguments_ = arguments()
    serve(Peer, arguments_)
