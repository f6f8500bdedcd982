"""Programs: chunks, stages, threads, memory orders, and what is refused. Each step has a file of its own."""

import threading

import numpy as np
import pytest

from tinydl._core import inference
from tinydl.testing.guards import exact_integers, laid_out

RNG = np.random.default_rng(0)


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


def test_steps_refuse_filters_of_another_kernel():
    w = laid_out(np.ones((64, 1, 3, 3)), "weight", np.float32)
    others = inference.conv_filters(w, None, 64)
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
