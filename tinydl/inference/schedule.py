"""When the steps of a program run and where their values lie: stages, chunks, memory."""

from typing import NamedTuple

from tinydl._core import inference

__all__ = ["Plan", "Stage", "arrange", "compiled", "lifetimes", "needed", "plan"]

_LINE = 16               # float32 elements of a cache line
_CHUNK_BYTES = 1 << 19   # values of the images that one thread takes through a stage: half of a 1 MB L2
_FEWEST_CHUNKS = 8       # fewer are no split for many threads: the steps are split instead
_TASK_MACS = 1 << 18     # multiply-adds worth a task
_MOST_TASKS = 8          # tasks of one step on few images
_PARALLEL_MACS = 1 << 21     # multiply-adds below which a second thread costs more than it gains


class Stage(NamedTuple):
    """Operations `first` to `stop` - 1, done by `n_chunks` chunks of `images` images each."""

    first: int
    stop: int
    images: int
    n_chunks: int


class Plan(NamedTuple):
    """Where the stores lie, as `Program` takes it.

    Attributes
    ----------
    stages : list of Stage
    places : dict
        (block, element at which the first image begins) of each store. A private store lies in a block of the chunk
        and holds its images, all others hold all images.
    shared, private : int
        Elements of the two blocks.
    """

    stages: list
    places: dict
    shared: int
    private: int


def arrange(stores, lives, elements):
    """Offsets of the stores in a block, and its size: each at the first gap that is free as long as it is needed.

    Parameters
    ----------
    stores : iterable of int
    lives : mapping of (int, int)
        The first and the last operation that fills or reads each store.
    elements : mapping of int
        Size of each store.

    Returns
    -------
    (dict of int to int, int)
    """
    placed: list = []
    offsets, size = {}, 0
    for s in sorted(stores, key=lambda s: lives[s]):
        n, (begin, end) = -(-elements[s] // _LINE) * _LINE, lives[s]
        at = 0
        for other_at, other_n, other_begin, other_end in sorted(placed):
            if other_begin <= end and begin <= other_end and at < other_at + other_n and other_at < at + n:
                at = other_at + other_n
        placed.append((at, n, begin, end))
        offsets[s], size = at, max(size, at + n)
    return offsets, size


def lifetimes(operations):
    """The first and the last operation that fills or reads each store, by store."""
    lives: dict = {}
    for k, op in enumerate(operations):
        for store in (op.x, op.residual, op.y):
            if store is not None:
                lives[store] = (lives.get(store, (k, k))[0], k)
    return lives


def plan(operations, sizes, N, inputs, outputs):
    """Stages and memory of operations on N images.

    Parameters
    ----------
    operations : list of Operation
        In the order in which they run; of each the stores, `kernel.by_row` and `vector` matter here.
    sizes : sequence of int
        Elements an image of each store.
    N : int
    inputs, outputs : iterable of int
        Stores that lie, one after the other, in the caller's two arrays.

    Returns
    -------
    Plan
    """
    lives = lifetimes(operations)
    places = {}
    for block, stores in (("input", inputs), ("output", outputs)):
        at = 0
        for store in stores:
            places[store] = (block, at)
            at += N * sizes[store]
    cuts = _cuts(operations)
    stage_of = [k for k, (first, stop, _) in enumerate(cuts) for _ in range(first, stop)]
    inner, crossing = [[] for _ in cuts], {}
    for store, (begin, end) in lives.items():
        if store not in places and stage_of[begin] == stage_of[end]:
            inner[stage_of[begin]].append(store)
        elif store not in places:
            # Whole stages: one chunk may have left it when another has not come to its first operation.
            crossing[store] = stage_of[begin], stage_of[end]
    found, shared = arrange(crossing, crossing, {s: N * sizes[s] for s in crossing})
    places.update({s: ("shared", at) for s, at in found.items()})
    private, stages = 0, []
    for stores, (first, stop, by_row) in zip(inner, cuts, strict=True):
        _, peak = arrange(stores, lives, sizes)
        n_chunks = -(-N // max(1, _CHUNK_BYTES // (4 * max(1, peak))))
        if n_chunks < _FEWEST_CHUNKS or by_row:
            n_chunks = 1
        images = max(1, -(-N // n_chunks))
        found, peak = arrange(stores, lives, {s: images * sizes[s] for s in stores})
        places.update({s: ("private", at) for s, at in found.items()})
        private = max(private, peak)
        stages.append(Stage(first, stop, images, n_chunks))
    return Plan(stages, places, shared, private)


def _cuts(operations):
    """(first, stop, by row) of the stages: operations on images, and those on rows, which take all images at once.

    What works on vectors between and behind products of matrices belongs to them.
    """
    cuts, by_row, first = [], False, 0
    for k, op in enumerate(operations):
        if op.kernel.by_row != by_row and not (by_row and op.vector):
            cuts.append((first, k, by_row))
            by_row, first = op.kernel.by_row, k
    cuts.append((first, len(operations), by_row))
    return [cut for cut in cuts if cut[0] < cut[1]]


def compiled(builder, results, packed):
    """The program of what a builder has recorded.

    Parameters
    ----------
    builder : Builder
    results : list of Tensor
        What it shall compute.
    packed : Packed

    Returns
    -------
    tinydl._core.inference.Program
        What it computes is the only result, or an array (N, elements of all results) in whose memory the N images of
        each result follow those of the one before.
    """
    outputs = [builder.output(x) for x in results]
    operations = needed(builder.operations, outputs)
    builder.keep_inputs({store for op in operations for store in (op.x, op.residual)})
    N, sizes = builder.N, builder.sizes
    found = plan(operations, sizes, N, builder.inputs.values(), outputs)
    stages = []
    for first, stop, images, n_chunks in found.stages:
        entries = []
        for op in operations[first:stop]:
            kernel, tasks = op.kernel, 1
            if n_chunks == 1:
                tasks = -(-max(1, min(_MOST_TASKS, N * kernel.macs // _TASK_MACS)) // max(1, N))
            filters = None if op.weights is None else packed.filters(op.weights, kernel.kind, kernel.pack)
            entries.append((kernel.step(filters, images, tasks, op.relu),
                            *(None if s is None else (*found.places[s], sizes[s]) for s in (op.x, op.y, op.residual))))
        stages.append((images, entries))
    shape = results[0].shape if len(results) == 1 else (N, sum(sizes[s] for s in outputs))
    return inference.Program(stages, builder.row_major, sum(sizes[s] for s in builder.inputs.values()), shape,
                           found.shared, found.private, N * sum(op.kernel.macs for op in operations) > _PARALLEL_MACS)


def needed(operations, outputs):
    """Those that the outputs depend on, in the order of their turns."""
    wanted, found = set(outputs), []
    for op in sorted(operations, key=lambda op: -op.turn):
        if op.y in wanted:
            wanted.update(store for store in (op.x, op.residual) if store is not None)
            found.append(op)
    return found[::-1]
