"""The memory plan: whatever the graph, no step finds anything in its inputs but what was put there for it."""

from types import SimpleNamespace

import numpy as np
import pytest

from tinydl.inference import schedule
from tinydl.inference.schedule import Stage, arrange, plan


def operation(x, y, residual=None, by_row=False, vector=False):
    return SimpleNamespace(x=x, y=y, residual=residual, vector=vector, kernel=SimpleNamespace(by_row=by_row))


def test_arrange_fills_gaps():
    lives = {0: (0, 1), 1: (1, 2), 2: (2, 3), 3: (3, 4)}
    sizes = {0: 32, 1: 10, 2: 30, 3: 8}
    assert arrange(lives, lives, sizes) == ({0: 0, 1: 32, 2: 0, 3: 32}, 48)
    assert arrange([], {}, {}) == ({}, 0)


def test_few_images_are_one_chunk_and_many_are_cut():
    chain = [operation(k, k + 1) for k in range(3)]
    sizes = [1024] * 4
    assert plan(chain, sizes, 3, [0], [3]).stages == [Stage(0, 3, 3, 1)]
    # Two values of 4 KB at once: 64 images fill half a megabyte.
    found = plan(chain, sizes, 640, [0], [3])
    assert found.stages == [Stage(0, 3, 64, 10)] and found.private == 2 * 64 * 1024 and found.shared == 0
    assert found.places == {0: ("input", 0), 1: ("private", 0), 2: ("private", 64 * 1024), 3: ("output", 0)}


def test_products_of_matrices_take_all_images():
    ops = [operation(0, 1), operation(1, 2, by_row=True, vector=True), operation(2, 3, vector=True),
           operation(3, 4, by_row=True, vector=True), operation(4, 5), operation(5, 6)]
    found = plan(ops, [4096] * 7, 1000, [0], [6])
    assert [s[:2] for s in found.stages] == [(0, 1), (1, 4), (4, 6)]
    assert found.stages[1] == Stage(1, 4, 1000, 1) and found.stages[2].n_chunks == 32
    assert {s: found.places[s][0] for s in range(7)} == {
        0: "input", 1: "shared", 2: "private", 3: "private", 4: "shared", 5: "private", 6: "output"}


def test_several_inputs_and_outputs_lie_one_after_the_other():
    ops = [operation(0, 2), operation(2, 3, residual=1)]
    places = plan(ops, [5, 7, 5, 7], 3, [0, 1], [3, 2]).places
    assert places == {0: ("input", 0), 1: ("input", 15), 3: ("output", 0), 2: ("output", 21)}


def drawn(rng):
    """A random graph: operations that read what is there, stores that many operations fill, several outputs."""
    n_inputs = int(rng.integers(1, 3))
    n, known, ops = n_inputs, list(range(n_inputs)), []
    for _ in range(rng.integers(1, 14)):
        by_row = bool(rng.integers(4) == 0)
        y, parts = n, int(rng.integers(1, 4)) if rng.integers(5) == 0 else 1
        n += 1
        for _ in range(parts):
            # Mostly what is recent, sometimes what is old: skips over many operations.
            x = known[-1 - int(min(rng.geometric(0.5) - 1, len(known) - 1))]
            residual = int(rng.choice(known)) if rng.integers(3) == 0 else None
            ops.append(operation(x, y, residual, by_row, bool(rng.integers(2))))
        known.append(y)
    made = known[n_inputs:]
    read = {s for op in ops for s in (op.x, op.residual)}
    outputs = [s for s in made if s not in read or rng.integers(6) == 0]
    sizes = [int(s) for s in rng.integers(1, 40, n)]
    return ops, sizes, list(range(n_inputs)), outputs


@pytest.mark.parametrize("seed", range(300))
def test_no_value_is_overwritten_while_somebody_needs_it(seed, monkeypatch):
    """The plan is carried out on marks that say whose element lies where, by several threads in random order."""
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(schedule, "_CHUNK_BYTES", int(rng.choice([1, 400, 2000])))
    monkeypatch.setattr(schedule, "_FEWEST_CHUNKS", 2)
    ops, sizes, inputs, outputs = drawn(rng)
    N, n_threads = int(rng.integers(1, 12)), 3
    found = plan(ops, sizes, N, inputs, outputs)
    blocks = {"input": np.zeros((N * sum(sizes[s] for s in inputs), 3), int),
              "output": np.zeros((N * sum(sizes[s] for s in outputs), 3), int),
              "shared": np.zeros((found.shared, 3), int)}
    private = [np.zeros((found.private, 3), int) for _ in range(n_threads)]
    parts = {s: [op for op in ops if op.y == s] for s in range(len(sizes))}

    def place(store, image, first, thread):
        """The elements of an image of a store."""
        block, at = found.places[store]
        at += sizes[store] * (image - first if block == "private" else image)
        elements = (private[thread] if block == "private" else blocks[block])[at:at + sizes[store]]
        assert len(elements) == sizes[store]
        return elements

    def marks(store, image):
        n = sizes[store]
        return np.stack([np.full(n, store + 1), np.full(n, image + 1), np.arange(n)], 1)

    for store in inputs:
        for image in range(N):
            place(store, image, 0, 0)[:] = marks(store, image)

    def work(op, first, images, thread):
        for image in range(first, min(first + images, N)):
            for store in (op.x, op.residual):
                if store is not None:
                    assert np.array_equal(place(store, image, first, thread), marks(store, image)), (op, store)
            # Of many operations that fill a store each writes its part, and leaves the others'.
            mine, all_of_them = next(k for k, part in enumerate(parts[op.y]) if part is op), len(parts[op.y])
            place(op.y, image, first, thread)[mine::all_of_them] = marks(op.y, image)[mine::all_of_them]

    assert [k for s in found.stages for k in range(s.first, s.stop)] == list(range(len(ops)))
    for stage in found.stages:
        assert (stage.n_chunks - 1) * stage.images < N <= stage.n_chunks * stage.images
        waiting, running = list(range(stage.n_chunks)), {}
        while waiting or running:
            thread = int(rng.integers(n_threads)) if stage.n_chunks > 1 else 0
            if thread not in running:
                if waiting:
                    running[thread] = [waiting.pop(0), stage.first]
                continue
            chunk, k = running[thread]
            work(ops[k], chunk * stage.images, stage.images, thread)
            running[thread][1] += 1
            if k + 1 == stage.stop:
                del running[thread]
    for store in outputs:
        for image in range(N):
            assert np.array_equal(place(store, image, 0, 0), marks(store, image))
