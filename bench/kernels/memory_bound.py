"""Kernels that the memory bounds, on vgg_small's first activation (128, 32, 32, 32): their figure is GB/s."""

import importlib

import numpy as np

from bench.kernels.case import Case, twin_check

__all__ = ["cases"]

N, C, H, W = 128, 32, 32, 32
GROUP = "memory-bound"


def cases(only=""):
    """Batch norm, activations, pooling, updates."""
    from tinydl import _core, layout

    rng = np.random.default_rng(0)

    def random(*shape):
        a = layout.empty(shape)
        a[...] = rng.standard_normal(shape, np.float32)
        return a

    x, dz, y = random(N, C, H, W), random(N, C, H, W), layout.empty((N, C, H, W))
    half, dhalf = layout.empty((N, C, H // 2, W // 2)), random(N, C, H // 2, W // 2)
    argmax = layout.zeros(half.shape, np.uint8)
    geometry = (N, C, H, W, 2, 2, 2, 2, 0, 0, 1, 1, H // 2, W // 2)
    mean, s1, s2, var = (np.zeros(C, np.float32) for _ in range(4))
    scale, shift, a, b, c = (rng.standard_normal(C).astype(np.float32) for _ in range(5))
    big, small = 4.0 * x.size, 4.0 * half.size
    table = [  # family, kernel, arguments before n_threads, positions of outputs, bytes
        ("elementwise", "relu_forward", [x, y], [1], 2 * big),
        ("elementwise", "relu_backward", [np.maximum(x, 0), dz, y], [2], 3 * big),
        ("batchnorm", "statistics", [x, mean.copy(), mean, var], [2, 3], big),
        ("batchnorm", "affine_forward", [x, scale, shift, None, None, None, True, y], [7], 2 * big),
        ("batchnorm", "affine_forward", [x, scale, shift, dz, None, None, True, y], [7], 3 * big),
        ("batchnorm", "backward_reduce", [dz, x, mean.copy(), scale, shift, True, s1, s2], [6, 7], 2 * big),
        ("batchnorm", "backward_apply", [dz, x, scale, shift, True, a, b, c, y], [8], 3 * big),
        ("pool", "max_pool_forward", [x, None, None, False, half, argmax, geometry], [4, 5], big + 1.25 * small),
        ("pool", "max_pool_forward", [x, scale, shift, True, half, argmax, geometry], [4], big + 1.25 * small),
        ("pool", "max_pool_backward", [dhalf, argmax, y, geometry], [2], big + 1.25 * small),
        ("pool", "avg_pool_forward", [x, half, True, geometry], [1], big + small),
        ("pool", "avg_pool_backward", [dhalf, y, True, geometry], [1], big + small),
        ("pool", "global_avg_pool_forward", [x, None, None, False, np.empty((N, C), np.float32)], [4], big),
        ("pool", "global_avg_pool_backward", [rng.standard_normal((N, C)).astype(np.float32), y], [1], big),
    ]
    names = {}
    for family, kernel, args, outputs, nbytes in table:
        names[kernel] = names.get(kernel, 0) + 1
        name = f"{family} {C}@{H}x{W} batch {N}" + (" fused" if names[kernel] > 1 else "")
        if only not in f"{GROUP} {name} {kernel}":
            continue
        run, twin = getattr(getattr(_core, family), kernel), getattr(_reference(family), kernel)
        yield Case(name, GROUP, kernel, 0.0, nbytes, lambda t, run=run, args=args: run(*args, t),
                   twin_check(run, twin, args, outputs, f"{name} {kernel}"))
    yield from _updates(_core, only)


def _reference(family):
    return importlib.import_module(f"tinydl._core.reference.{family}")


def _updates(_core, only):
    """Optimiser steps over the parameters of mnist_cnn."""
    from bench.networks import walk
    from bench.networks.table import NETWORKS
    from tinydl import layout

    lists = [[layout.parameter_like(w) for w in walk.weights(NETWORKS["mnist_cnn"], seed)] for seed in range(4)]
    for m, v in zip(lists[2], lists[3], strict=True):
        m *= 0.01
        v[...] = v * v * 1e-4
    n = NETWORKS["mnist_cnn"].params
    for kernel, arrays, options, streams in [
            ("sgd", 3, (1e-3, 0.9, 0.0, 0.0, False, False), 5),
            ("adam", 4, (1e-3, 0.9, 0.999, 1e-8, 0.0, False, 7), 7)]:
        name = "update mnist_cnn"
        if only not in f"{GROUP} {name} {kernel}":
            continue
        run, twin = getattr(_core.update, kernel), getattr(_reference("update"), kernel)

        def check(n_threads, run=run, twin=twin, arrays=arrays, options=options, kernel=kernel):
            mine, theirs = ([[a.copy(order="K") for a in group] for group in lists[:arrays]] for _ in range(2))
            run(*mine, *options, n_threads)
            twin(*theirs, *options, 1)
            for got, want in zip(mine, theirs, strict=True):
                for a, b in zip(got, want, strict=True):
                    if not np.abs(a - b).max() <= 1e-5 * max(1.0, np.abs(b).max()):
                        raise AssertionError(f"{kernel}: differs from the reference")

        yield Case(name, GROUP, kernel, 0.0, 4.0 * n * streams,
                   lambda t, run=run, arrays=arrays, options=options: run(*lists[:arrays], *options, t), check)
