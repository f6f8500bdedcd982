"""Kernels that the memory bounds: batch and group norm, activations, pooling, updates. Their figure is GB/s."""

import importlib

import numpy as np

from bench.kernels.case import Case, twin_check

__all__ = ["cases"]


def cases(only=""):
    """Cases one after the other; the arrays of one problem are freed before the next is made."""
    from tinydl.testing.problems import BATCHNORMS, GROUPNORMS, POOLS, select

    jobs = [(_elementwise, p, "elementwise") for p in select(BATCHNORMS, "bench")[:1]]
    for p in select(BATCHNORMS, "bench"):
        jobs += [(_batchnorm, p, "batchnorm"), (_batchnorm_backward, p, "batchnorm_backward")]
    jobs += [(_groupnorm, p, "groupnorm") for p in select(GROUPNORMS, "bench")]
    jobs += [(_pool, p, "pool") for p in select(POOLS, "bench")]
    for make, problem, family in jobs:
        kernels, twins = (importlib.import_module(f"tinydl._core.{room}{family}") for room in ("", "reference."))
        for kernel, args, outputs, nbytes, note in make(problem):
            if only in f"{family} {problem.name}{note} {kernel}":
                run = getattr(kernels, kernel)
                yield Case(problem.name + note, family, kernel, 0.0, 4.0 * nbytes,
                           lambda t, run=run, args=args: run(*args, t),
                           twin_check(run, getattr(twins, kernel), args, outputs, f"{problem.name} {kernel}"))
    yield from _updates(only)


def _random(shape, seed):
    from tinydl import layout

    a = layout.empty(shape)
    a[...] = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return a


# Each yields (kernel, arguments before n_threads, positions of its outputs, least traffic in floats, note).

def _elementwise(problem):
    x, dy = _random(problem.shape, 0), _random(problem.shape, 1)
    y = np.maximum(x, 0)
    yield "relu_forward", [x, np.empty_like(x)], [1], 2 * x.size, ""
    yield "relu_backward", [y, dy, np.empty_like(x)], [2], 3 * x.size, ""
    yield "add", [x, dy, np.empty_like(x)], [2], 3 * x.size, ""


def _batchnorm(problem):
    from tinydl._core.operands import Map

    x, residual, c = _random(problem.shape, 0), _random(problem.shape, 1), problem.shape[1]
    y = np.empty_like(x)
    on_x = Map(*np.random.default_rng(2).standard_normal((3, c)).astype(np.float32), "relu")
    yield "statistics", [x, np.zeros(c, np.float32), np.zeros(c), np.zeros(c)], [2, 3], x.size, ""
    yield "affine_forward", [x, on_x, None, None, y], [4], 2 * x.size, ""
    yield "affine_forward", [x, on_x, residual, None, y], [4], 3 * x.size, " + residual"


def _batchnorm_backward(problem):
    from tinydl._core.operands import Map, Pending

    x, dz, c = _random(problem.shape, 0), _random(problem.shape, 1), problem.shape[1]
    rows = np.random.default_rng(2).standard_normal((6, c)).astype(np.float32)
    mask = Map(*rows[:3], "relu")
    yield "backward_reduce", [Pending(dz, x, mask), x, rows[2], np.zeros((1, 2, c)), None], [3], 2 * x.size, ""
    yield "backward_apply", [Pending(dz, x, mask, *rows[3:]), np.empty_like(x)], [1], 3 * x.size, ""


def _groupnorm(problem):
    x, dy, c = _random(problem.shape, 0), _random(problem.shape, 1), problem.shape[1]
    weight, bias = np.random.default_rng(2).standard_normal((2, c)).astype(np.float32)
    mean, rstd = np.zeros((problem.N, problem.groups)), np.ones((problem.N, problem.groups))
    yield "group_norm_forward", [x, weight, bias, np.empty_like(x), mean, rstd, 1e-5], [3, 4, 5], 2 * x.size, ""
    yield "group_norm_backward", [dy, x, np.zeros_like(mean), np.ones_like(rstd), weight, np.empty_like(x),
                                  np.empty_like(weight), np.empty_like(bias)], [5, 6, 7], 3 * x.size, ""


def _pool(problem):
    from tinydl import layout
    from tinydl._core import operands

    x, dy, c = _random(problem.x_shape, 0), _random(problem.y_shape, 1), problem.C
    y, dx, argmax = layout.empty_like(dy), layout.empty_like(x), layout.zeros(problem.y_shape, np.uint8)
    on_x = operands.Map(*np.random.default_rng(2).standard_normal((3, c)).astype(np.float32), "relu")
    traffic = x.size + 1.25 * dy.size
    yield "max_pool_forward", [x, y, argmax, problem.geometry, None], [1, 2], traffic, ""
    yield "max_pool_forward", [x, y, argmax, problem.geometry, on_x], [1], traffic, " of relu of affine"
    yield "max_pool_backward", [dy, argmax, dx, problem.geometry], [2], traffic, ""


def _step(kernels, name, options, arrays, n_threads):
    kernels.step(getattr(kernels, name)(*options), *arrays[:2], arrays[2:], n_threads)


def _updates(only):
    """Optimiser steps over the parameters of mnist_cnn (they fit into a large cache)."""
    from bench.networks import walk
    from bench.networks.table import NETWORKS
    from tinydl import layout
    from tinydl._core import update
    from tinydl._core.reference import update as reference

    kernels = [("sgd", 3, (1e-3, 0.9, 0.0, 0.0, False, False), 5),
               ("adam", 4, (1e-3, 0.9, 0.999, 1e-8, 0.0, False, 7), 7)]
    kernels = [k for k in kernels if only in f"update mnist_cnn {k[0]}"]
    if not kernels:
        return
    net = NETWORKS["mnist_cnn"]
    lists = [[layout.parameter_like(w) for w in walk.weights(net, seed)] for seed in range(4)]
    for m, v in zip(lists[2], lists[3], strict=True):
        m *= 0.01
        v[...] = v * v * 1e-4
    for kernel, arrays, options, streams in kernels:
        def check(n_threads, arrays=arrays, options=options, kernel=kernel):
            mine, theirs = ([[a.copy(order="K") for a in group] for group in lists[:arrays]] for _ in range(2))
            _step(update, kernel, options, mine, n_threads)
            _step(reference, kernel, options, theirs, 1)
            for got, want in zip(mine, theirs, strict=True):
                for a, b in zip(got, want, strict=True):
                    if not np.abs(a - b).max() <= 1e-5 * max(1.0, np.abs(b).max()):
                        raise AssertionError(f"{kernel}: differs from the reference")

        yield Case("mnist_cnn", "update", kernel, 0.0, 4.0 * net.params * streams,
                   lambda t, kernel=kernel, arrays=arrays, options=options: _step(update, kernel, options,
                                                                                 lists[:arrays], t), check)
