"""Programs: every kind of step against the kernels' twins, chunks, threads, and what is refused."""

import threading

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import inference
from tinydl._core.reference import conv as conv_reference
from tinydl._core.reference import gemm as gemm_reference
from tinydl._core.reference import pool as pool_reference
from tinydl._core.reference.activations import ROWS
from tinydl.testing.compare import assert_close
from tinydl.testing.guards import exact_integers, laid_out
from tinydl.testing.problems import CONVS, LINEARS, POOLS, select

RNG = np.random.default_rng(0)


def single(step, x, y_shape, chunk=None, n_threads=1, with_addend=False, row_major=False):
    """What one step makes of x; with an addend, which is x itself."""
    N = len(x)
    value = ("input", 0, step.n_in)
    stages = [(chunk or max(1, N), [(step, value, ("output", 0, step.n_out), value if with_addend else None)])]
    made = inference.Program(stages, row_major, step.n_in, y_shape, 0, 0, True)
    before = x.copy(order="K")
    y = made.predict(x, n_threads)
    assert np.array_equal(before, x, equal_nan=True)
    return y


def variants(make, x, expected, **options):
    """The step under many cuts: each gives the very numbers."""
    for n_tasks, chunk, n_threads in ((1, None, 1), (3, None, 2), (8, None, 7), (1, 1, 3), (1, 2, 1)):
        y = single(make(n_tasks, chunk or max(1, len(x))), x, expected.shape, chunk, n_threads, **options)
        assert y.dtype == np.float32 and np.array_equal(y, expected), (n_tasks, chunk, n_threads)


def relu(y):
    return np.where(y < 0, np.float32(0), y)


SMALL = [p for p in select(CONVS, "small") if p.macs < 4e6]


@pytest.mark.parametrize("problem", SMALL, ids=lambda p: p.name)
def test_convolution_is_exact(problem):
    x = exact_integers(RNG, problem.x_shape, kind="activation")
    w, b = exact_integers(RNG, problem.w_shape, kind="weight"), exact_integers(RNG, (problem.O,))
    y, geo = layout.empty(problem.y_shape), problem.geometry
    for bias in (b, None):
        conv_reference.conv_forward(x, w, bias, y, geo, None, None, 1)
        for clamp in (False, True):
            expected = relu(y) if clamp else y
            filters = inference.conv_filters(w, bias, problem.G)
            variants(lambda n_tasks, n, f=filters, c=clamp: inference.conv_step(f, geo, c, n_tasks), x, expected)
            if problem.G == problem.C == problem.O:
                filters = inference.depthwise_filters(w, bias)
                variants(lambda n_tasks, n, f=filters, c=clamp: inference.depthwise_step(f, geo, c), x, expected)


@pytest.mark.parametrize("groups", [1, 2, 18])
def test_addend_comes_before_the_clamp(groups):
    x = exact_integers(RNG, (3, 18, 7, 9), kind="activation")
    w = exact_integers(RNG, (18, 18 // groups, 3, 3), kind="weight")
    geo, y = conv_reference.geometry(x.shape, w.shape, 1, 1, 1, groups), layout.empty(x.shape)
    conv_reference.conv_forward(x, w, None, y, geo, None, None, 1)
    filters = inference.conv_filters(w, None, groups)
    variants(lambda n_tasks, n: inference.conv_step(filters, geo, True, n_tasks), x, relu(y + x), with_addend=True)
    if groups == 18:
        filters = inference.depthwise_filters(w, None)
        variants(lambda n_tasks, n: inference.depthwise_step(filters, geo, True), x, relu(y + x), with_addend=True)


@pytest.mark.parametrize("shape", [
    (3, 16, 8, 8, 16, 1), (5, 17, 6, 6, 33, 0), (1, 20, 32, 32, 24, 1), (9, 64, 8, 8, 64, 1), (2, 3, 5, 5, 70, 2),
    (1, 5, 3, 3, 2, 0), (0, 4, 8, 8, 4, 1), (40, 8, 4, 4, 8, 1)], ids=str)
def test_winograd(shape):
    N, C, H, W, O, pad = shape
    x, w = (laid_out(RNG.standard_normal(s), kind, np.float32)
            for s, kind in (((N, C, H, W), "activation"), ((O, C, 3, 3), "weight")))
    b = RNG.standard_normal(O).astype(np.float32)
    geo = conv_reference.geometry(x.shape, w.shape, 1, pad)
    y = layout.empty((N, O, *geo[-2:]))
    conv_reference.conv_forward(x, w, b, y, geo, None, None, 1)
    filters, first = inference.winograd_filters(w, b), None
    add = y.shape == x.shape
    expected = relu(y + x) if add else relu(y)
    for n_tasks, chunk, n_threads in ((1, None, 1), (3, None, 2), (8, None, 7), (1, 1, 3), (1, 2, 1)):
        step = inference.winograd_step(filters, (chunk or max(1, N), *geo[1:]), True, n_tasks)
        got = single(step, x, y.shape, chunk, n_threads, with_addend=add)
        assert_close(got, expected, 2e-5)
        first = got if first is None else first
        assert np.array_equal(got, first)


@pytest.mark.parametrize("N", [0, 1, 2, 31, 33, 64, 77])
@pytest.mark.parametrize(("K", "O"), [(1, 1), (5, 10), (400, 120), (784, 256), (33, 200), (1000, 17), (64, 48)])
def test_linear_is_exact(N, K, O):
    x, w, b = exact_integers(RNG, (N, K)), exact_integers(RNG, (K, O)), exact_integers(RNG, (O,))
    y = np.empty((N, O), np.float32)
    for bias, clamp in ((b, False), (None, True)):
        gemm_reference.linear_forward(x, w.T, bias, y, 1)
        filters = inference.linear_filters(w, bias)
        variants(lambda n_tasks, n, f=filters, c=clamp: inference.linear_step(f, c), x, relu(y) if clamp else y)


def test_linears_of_the_networks():
    for problem in select(LINEARS, "bench"):
        x, w = exact_integers(RNG, (2, problem.K)), exact_integers(RNG, (problem.K, problem.O))
        y = single(inference.linear_step(inference.linear_filters(w, None), False), x, (2, problem.O))
        assert np.array_equal(y, x.astype(np.float64) @ w)


@pytest.mark.parametrize("problem", select(POOLS, "small"), ids=lambda p: p.name)
def test_pooling_is_exact(problem):
    x, y = exact_integers(RNG, problem.x_shape, kind="activation", most=50), layout.empty(problem.y_shape)
    codes = layout.empty(y.shape, np.uint8 if problem.KH * problem.KW <= 255 else np.int32)
    pool_reference.max_pool_forward(x, y, codes, problem.geometry, None)
    variants(lambda n_tasks, n: inference.max_pool_step(problem.geometry), x, y)
    if (problem.DH, problem.DW) == (1, 1):
        for padded in (False, True):
            pool_reference.avg_pool_forward(x, y, padded, problem.geometry)
            variants(lambda n_tasks, n, p=padded: inference.avg_pool_step(problem.geometry, p), x, y)


@pytest.mark.parametrize("C", [1, 3, 16, 70])
def test_global_mean_relu_transpose(C):
    x = exact_integers(RNG, (3, C, 4, 8), kind="activation")
    variants(lambda n_tasks, n: inference.global_avg_pool_step(C, 32), x, x.mean(axis=(2, 3)))
    variants(lambda n_tasks, n: inference.activation_step("relu", 32 * C, 0), x, relu(x))
    y = single(inference.transpose_step(C, 32), np.ascontiguousarray(x), x.shape, row_major=True)
    assert np.array_equal(y, x) and layout.is_channels_last(y)


COPIES = {
    "transpose": ((3, 4), lambda x: x.transpose(0, 2, 1)), "slice": ((6, 7), lambda x: x[:, 1:5:2, 2:]),
    "reversed": ((4, 5), lambda x: x[:, ::-1, ::-2]), "one": ((3, 3), lambda x: x[:, 1, 2]),
    "five axes": ((2, 3, 2, 3, 2), lambda x: x.transpose(0, 4, 2, 5, 1, 3)),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies(name):
    """Views of an image, copied into a dense one."""
    shape, view = COPIES[name]
    x = exact_integers(RNG, (3, *shape))
    seen = view(x)
    expected = np.ascontiguousarray(seen).reshape(3, -1)
    strides = np.ascontiguousarray(seen).strides
    axes = [(n, s // 4, t // 4) for n, s, t in zip(seen.shape[1:], seen.strides[1:], strides[1:], strict=True)]
    at = (seen.__array_interface__["data"][0] - x.__array_interface__["data"][0]) // 4
    step = inference.copy_step(axes, x[0].size, at, expected.shape[1], 0, None)
    y = single(step, x.reshape(3, -1), expected.shape, n_threads=3)
    assert np.array_equal(y, expected)


def test_copies_into_parts_and_their_surroundings():
    x = exact_integers(RNG, (2, 6))
    into = inference.copy_step([(2, 3, 5), (3, 1, 1)], 6, 0, 14, 2, 7)
    expected = np.full((2, 14), 7, np.float32)
    expected[:, [2, 3, 4, 7, 8, 9]] = x
    assert np.array_equal(single(into, x, (2, 14)), expected)
    # Two steps that fill one value: the second leaves what the first has written.
    at = ("input", 0, 6), ("output", 0, 12)
    steps = [(inference.copy_step([(6, 1, 2)], 6, 0, 12, k, None), *at, None) for k in range(2)]
    made = inference.Program([(2, steps)], False, 6, (2, 12), 0, 0, True)
    assert np.array_equal(made.predict(x, 2), np.repeat(x, 2, axis=1))


@pytest.mark.parametrize("bad", [
    ([(0, 1, 1)], 6, 0, 6, 0), ([(7, 1, 1)], 6, 0, 9, 0), ([(6, 1, 1)], 6, 1, 9, 0), ([(6, 1, 1)], 6, -1, 9, 0),
    ([(6, 1, 1)], 6, 0, 5, 0), ([(2, -1, 1)], 6, 0, 5, 0), ([(2, 1, 3)], 6, 0, 6, 3), ([(1, 1, 1)] * 7, 6, 0, 6, 0)],
                         ids=str)
def test_copies_beyond_their_values(bad):
    with pytest.raises(ValueError, match="copy_step"):
        inference.copy_step(*bad, None)


@pytest.mark.parametrize("name", ROWS)
def test_activations(name):
    x = laid_out(3 * RNG.standard_normal((3, 5, 4, 8)), "activation", np.float32)
    expected = ROWS[name].value(x.astype(np.float64), *ROWS[name].arguments(0.3))
    for chunk, n_threads in ((None, 1), (1, 3), (2, 2)):
        y = single(inference.activation_step(name, 160, 0.3), x, x.shape, chunk, n_threads)
        assert_close(y, expected, 1e-6)
    with pytest.raises(ValueError, match="no activation 'none'"):
        inference.activation_step("none", 160, 0)
    with pytest.raises(ValueError, match="-1 elements"):
        inference.activation_step(name, -1, 0)


def test_nan_passes_every_clamp():
    x = laid_out(np.full((1, 16, 8, 8), np.nan), "activation", np.float32)
    w = laid_out(np.ones((16, 16, 3, 3)), "weight", np.float32)
    geo = conv_reference.geometry(x.shape, w.shape, 1, 1)
    d = laid_out(np.ones((16, 1, 3, 3)), "weight", np.float32)
    for step in (inference.conv_step(inference.conv_filters(w, None, 1), geo, True, 1),
                 inference.activation_step("relu", 1024, 0),
                 inference.winograd_step(inference.winograd_filters(w, None), geo, True, 1),
                 inference.depthwise_step(inference.depthwise_filters(d, None), (*geo[:13], 16, *geo[14:]), True),
                 inference.max_pool_step((1, 16, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1, 8, 8))):
        assert np.isnan(single(step, x, x.shape)).all()
    for rows in (1, 2):
        step = inference.linear_step(inference.linear_filters(np.ones((1024, 40), np.float32), None), True)
        assert np.isnan(single(step, np.full((rows, 1024), np.nan, np.float32), (rows, 40))).all()


def test_infinity_and_zero_are_no_nan_beyond_the_channels():
    # The lanes that fill a vector hold zeros: they must not reach a result.
    x, w = np.full((1, 3), np.inf, np.float32), np.ones((3, 3), np.float32)
    for rows in (x, np.repeat(x, 5, axis=0)):
        step = inference.linear_step(inference.linear_filters(w, None), True)
        assert np.isposinf(single(step, rows, (len(rows), 3))).all()


def chain(N, chunk, n=5):
    """x + 1 and so on, `n` Linear steps in a row whose values alternate between two places."""
    w, b = np.eye(7, dtype=np.float32), np.ones(7, np.float32)
    steps = [inference.linear_step(inference.linear_filters(w, b), False) for _ in range(n)]
    rows = chunk if chunk < N else N
    at = [("input", 0, 7), *(("private", (k % 2) * 16 * rows, 7) for k in range(n - 1)), ("output", 0, 7)]
    return inference.Program([(chunk, [(s, at[k], at[k + 1], None) for k, s in enumerate(steps)])], False, 7, (N, 7), 0,
                           32 * rows, True)


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_chunks_and_threads(chunk):
    x = exact_integers(RNG, (37, 7))
    made = chain(37, chunk)
    for n_threads in (1, 2, 3, 7):
        assert np.array_equal(made.predict(x, n_threads), x + 5)
    results = [None] * 4

    def call(k):
        results[k] = [made.predict(x + k, 2) for _ in range(50)]

    threads = [threading.Thread(target=call, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(y, x + k + 5) for k in range(4) for y in results[k])


def test_stages_share_values():
    w = np.eye(6, dtype=np.float32)
    double = inference.linear_step(inference.linear_filters(2 * w, None), False)
    at = [("input", 0, 6), ("shared", 0, 6), ("shared", 6 * 32, 6), ("output", 0, 6)]
    stages = [(k, [(double, at[i], at[i + 1], None)]) for i, k in enumerate((2, 30, 5))]
    made = inference.Program(stages, False, 6, (30, 6), 12 * 32, 0, True)
    x = exact_integers(RNG, (30, 6))
    for n_threads in (1, 3):
        assert np.array_equal(made.predict(x, n_threads), 8 * x)


def test_layouts_it_does_not_read():
    made = single_program()
    good = exact_integers(RNG, (2, 4, 3, 3), kind="activation")
    assert made.predict(good, 1) is not None
    odd = np.zeros(2 * 36 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(2, 3, 3, 4).transpose(0, 3, 1, 2)
    for x in (np.ascontiguousarray(good), good.astype(np.float64), good.astype(">f4"), good[:1], good[..., ::-1], odd,
              good.tolist(), None):
        assert made.predict(x, 1) is None
    with pytest.raises(ValueError, match="n_threads"):
        made.predict(good, 0)


def single_program(x=("input", 0, 36), y=("output", 0, 36), addend=None, chunk=2, shape=(2, 4, 3, 3), private=72):
    step = inference.activation_step("relu", 36, 0)
    return inference.Program([(chunk, [(step, x, y, addend)])], False, 36, shape, 0, private, True)


@pytest.mark.parametrize("bad", [
    {"x": ("input", 1, 36)}, {"x": ("input", -1, 36)}, {"x": ("input", 0, 35)}, {"y": ("private", 40, 36)},
    {"y": ("shared", 0, 36)}, {"y": ("input", 0, 36)}, {"addend": ("input", 0, 36)}, {"chunk": 0},
    {"shape": (2, 4, 3, 2)}, {"shape": (-1, 36)}, {"shape": (1 << 41, 36)}, {"private": -1}], ids=str)
def test_refused_programs(bad):
    with pytest.raises(ValueError):
        single_program(**bad)


def test_refused_steps():
    geo = conv_reference.geometry((1, 4, 6, 6), (8, 4, 3, 3), 1, 1)
    w = laid_out(np.ones((8, 4, 3, 3)), "weight", np.float32)
    other = conv_reference.geometry((1, 4, 6, 6), (8, 4, 5, 5), 1, 2)
    one_channel = w[:, :1].copy(order="K")
    for make in (lambda: inference.conv_step(inference.conv_filters(w, None, 1), other, False, 1),
                 lambda: inference.winograd_step(inference.winograd_filters(w, None), other, False, 1),
                 lambda: inference.winograd_step(inference.winograd_filters(w[:4], None), geo, False, 1),
                 lambda: inference.conv_filters(np.ascontiguousarray(w), None, 1),
                 lambda: inference.conv_filters(w, None, 3),
                 lambda: inference.conv_filters(w, np.ones(7, np.float32), 1),
                 lambda: inference.depthwise_step(inference.depthwise_filters(one_channel, None), geo, False),
                 lambda: inference.linear_filters(np.ones((3, 4), np.float32).T, None),
                 lambda: inference.max_pool_step((1, 4, 6, 6, 0, 3, 1, 1, 0, 0, 1, 1, 4, 4)),
                 lambda: inference.global_avg_pool_step(0, 4), lambda: inference.transpose_step(4, 0)):
        with pytest.raises(ValueError):
            make()
    with pytest.raises(TypeError):
        inference.conv_filters(w.astype(np.float64), None, 1)


def test_steps_refuse_filters_of_another_kernel():
    w = laid_out(np.ones((64, 1, 3, 3)), "weight", np.float32)
    others = inference.depthwise_filters(w, None)
    geo = (1, 64, 8, 8, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 8, 8)
    for make in (lambda f: inference.linear_step(f, False), lambda f: inference.winograd_step(f, geo, False, 1),
                 lambda f: inference.conv_step(f, geo, False, 1)):
        with pytest.raises(ValueError, match="filters of shape"):
            make(others)
        with pytest.raises(TypeError, match="filters"):
            make(None)
    with pytest.raises(TypeError, match="steps that kernels make"):
        inference.Program([(1, [(inference.Step(), ("input", 0, 0), ("output", 0, 0), None)])], True, 0, (1, 0), 0, 0,
                        False)


def test_places_and_shapes_of_another_form_are_named():
    with pytest.raises(TypeError, match=r"an array of shape \(N, ...\), got shape \(\)"):
        inference.Program([], True, 7, (), 0, 0, False)
    with pytest.raises(TypeError, match=r"a value lies at \(block, at, size\), got \('input', 0\)"):
        inference.Program([(1, [(inference.activation_step("relu", 4, 0), ("input", 0), ("output", 0, 4), None)])],
                          True, 4, (1, 4), 0, 0, False)
