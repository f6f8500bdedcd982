"""A network without training: steps on float32 images, run one after another in a single call.

A step is a C function, what it reads (packed filters, geometry) and the number of tasks it is cut into. A `Program`
knows for N images where every step's input and output lie and carries all of them out without Python in between.

Steps form stages. A stage on many images is cut into chunks: a thread takes a chunk through all steps of the stage
while it stays in that thread's cache. A stage that is one chunk is cut step by step into the tasks of each. Both cuts
are functions of the shape alone; threads take what is next, and no sum crosses a task, so any number of them gives
the same bits.

Every call has memory of its own from the pool: calls from several threads do not meet.
"""

import numpy as np

from cython.parallel cimport parallel
from libc.string cimport memcpy, memset
from tinydl._core.array cimport (
    NPY_FLOAT32, PyArray_Check, PyArray_DATA, PyArray_DIMS, PyArray_ISBEHAVED_RO, PyArray_NDIM, PyArray_STRIDES,
    PyArray_TYPE, PyArrayObject, data, import_array,
)
from tinydl._core.memory cimport Block
from tinydl._core.parallel cimport check_team, td_finish, td_next, td_thread_num
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

from tinydl._core.memory import empty

import_array()

cdef enum:
    NOWHERE, INPUT, OUTPUT, SHARED, PRIVATE     # the blocks a value may lie in
    LINE = 16                                   # float32 elements of a cache line

FLOAT = np.dtype(np.float32)
PLACES = {"input": INPUT, "output": OUTPUT, "shared": SHARED, "private": PRIVATE}

cdef struct Place:
    int block
    Py_ssize_t at, size     # element the first image begins at, elements an image

# A step and where its values lie.
cdef struct Entry:
    step_task run
    const void *state
    Py_ssize_t images, parts
    Place x, y, residual

cdef struct Stage:
    Py_ssize_t first, stop          # entries
    Py_ssize_t chunk, n_chunks      # images of a chunk

# One call of `predict`.
cdef struct Prediction:
    const Entry *entries
    const Stage *stages
    Py_ssize_t n_stages, N
    float *blocks[4]                # INPUT, OUTPUT, SHARED; then the first thread's private block
    Py_ssize_t per_thread, private  # elements of a thread's private block and scratch, and of the block alone
    Py_ssize_t *begun               # chunks of each stage, then tasks of each entry, that a thread has taken
    Py_ssize_t *done                # and those that are done


cdef Filters make_filters(Block weights, object bias, Py_ssize_t O, Py_ssize_t n_groups, Py_ssize_t lanes, tuple shape):
    cdef Filters f = Filters.__new__(Filters)
    cdef Py_ssize_t n = O // n_groups, width = round_up(n, lanes), group
    cdef float *src
    f.weights, f.shape = weights, shape
    if bias is not None:
        src = <float *> data(bias, "bias", NPY_FLOAT32, O)
        f.bias = Block(n_groups * width * sizeof(float))
        # Zeros behind each group's channels: a tile adds whole vectors of bias.
        memset(f.bias.address, 0, n_groups * width * sizeof(float))
        for group in range(n_groups):
            memcpy(<float *> f.bias.address + group * width, src + group * n, n * sizeof(float))
    return f


cdef Step make_step(step_task run, Block state, object held, Py_ssize_t images, Py_ssize_t parts, Py_ssize_t n_in,
                    Py_ssize_t n_out):
    cdef Step s = Step.__new__(Step)
    s.run, s.state, s.held, s.images, s.parts, s.n_in, s.n_out = run, state, held, images, parts, n_in, n_out
    return s


cdef class Filters:
    """Packed filters and bias of one layer."""


cdef class Step:
    """One operation of a program."""


cdef inline float *place(const Place *p, const Prediction *call, Py_ssize_t first, float *own) noexcept nogil:
    """Where image `first` of a value lies; a private block begins with the first image of its chunk."""
    if p.block == NOWHERE:
        return NULL
    if p.block == PRIVATE:
        return own + p.at
    return call.blocks[p.block - 1] + p.at + first * p.size


cdef inline Py_ssize_t take(Py_ssize_t *begun, Py_ssize_t before, int n_threads) noexcept nogil:
    """The next number that nobody has taken; `before` is the last one of this thread."""
    # A thread alone needs no counter that others see.
    return before + 1 if n_threads == 1 else td_next(begun)


cdef Py_ssize_t take_chunks(const Prediction *call, Py_ssize_t s, float *own, float *scratch,
                            int n_threads) noexcept nogil:
    """Chunks of a stage through all its entries, as long as there are; returns how many it were."""
    cdef const Stage *stage = &call.stages[s]
    cdef const Entry *e
    cdef Py_ssize_t c = take(&call.begun[s], -1, n_threads), k, n, first, task, taken = 0
    while c < stage.n_chunks:
        first = c * stage.chunk
        n = min(stage.chunk, call.N - first)
        for k in range(stage.first, stage.stop):
            e = &call.entries[k]
            # All tasks in turn: the parallel work is in the chunks.
            for task in range(ceil_div(n, e.images) * e.parts):
                e.run(e.state, task, n, place(&e.x, call, first, own), place(&e.y, call, first, own),
                      place(&e.residual, call, first, own), scratch)
        c = take(&call.begun[s], c, n_threads)
        taken = taken + 1
    return taken


cdef void work(const Prediction *call, int thread, int n_threads) noexcept nogil:
    """What one thread does."""
    cdef unsigned int saved = td_flush_denormals()
    cdef float *shared = call.blocks[3]      # the first thread's block: a stage that is one chunk has it for all
    cdef float *own = shared + thread * call.per_thread
    cdef float *scratch = own + call.private
    cdef Py_ssize_t s, k, task, n_tasks, taken
    cdef const Stage *stage
    cdef const Entry *e
    # Every thread walks through all stages; none enters the next before all of this one is done.
    for s in range(call.n_stages):
        stage = &call.stages[s]
        if stage.n_chunks > 1:
            # The next stage reads what other threads wrote here: td_finish waits for all chunks.
            taken = take_chunks(call, s, own, scratch, n_threads)
            if n_threads > 1:
                td_finish(&call.done[s], taken, stage.n_chunks)
            continue
        for k in range(stage.first, stage.stop):
            # One chunk: all threads work on one entry, then on the next.
            e = &call.entries[k]
            # The counters of entries follow those of stages.
            n_tasks = ceil_div(call.N, e.images) * e.parts
            task, taken = take(&call.begun[call.n_stages + k], -1, n_threads), 0
            while task < n_tasks:
                e.run(e.state, task, call.N, place(&e.x, call, 0, shared), place(&e.y, call, 0, shared),
                      place(&e.residual, call, 0, shared), scratch)
                task = take(&call.begun[call.n_stages + k], task, n_threads)
                taken = taken + 1
            if n_threads > 1:
                td_finish(&call.done[call.n_stages + k], taken, n_tasks)
    td_restore_denormals(saved)


cdef bint lies(object x, Py_ssize_t size, bint row_major) noexcept:
    """Whether x is an aligned native float32 array of `size` elements, dense and row-major or channels-last."""
    if not PyArray_Check(x):
        return False
    cdef PyArrayObject *array = <PyArrayObject *> x
    cdef int ndim = PyArray_NDIM(array), k, axis
    cdef Py_ssize_t expected = sizeof(float), n = 1
    cdef Py_ssize_t *dims = PyArray_DIMS(array)
    if PyArray_TYPE(array) != NPY_FLOAT32 or not PyArray_ISBEHAVED_RO(array):
        return False
    for axis in range(ndim):
        n *= dims[axis]
    if n != size:
        return False
    for k in range(ndim):
        # From the fastest axis on: channels-last is (N, *spatial, C).
        axis = ndim - 1 - k if row_major or ndim < 3 or k == ndim - 1 else 1 if k == 0 else ndim - k
        if dims[axis] != 1 and size and PyArray_STRIDES(array)[axis] != expected:
            return False
        expected *= dims[axis]
    return True


cdef class Program:
    """Steps and where their values lie, for N images of n_in elements, row-major or channels-last.

    stages : list of (chunk, entries); entries: list of (step, x, y, residual), each value a (block, at, size): a key of
    PLACES, the element its first image begins at, the elements of an image; residual may be None. A private value lies
    in a block that belongs to the chunk, all others hold N images.  shape : of the result, channels-last.  shared,
    private : elements of the two blocks.  threaded : whether there is work for more than one thread.
    """

    cdef Py_ssize_t N, n_in, n_out, shared, private, scratch, n_entries, n_stages
    cdef Block entries, stages
    cdef list held
    cdef tuple shape
    cdef bint row_major, threaded

    def __init__(self, list stages, bint row_major, Py_ssize_t n_in, tuple shape, Py_ssize_t shared,
                 Py_ssize_t private, bint threaded):
        if not shape:
            raise TypeError("a program makes an array of shape (N, ...), got shape ()")
        cdef Py_ssize_t N = shape[0], n_out = 1
        for n in shape[1:]:
            n_out *= n
        if min(N, n_in, n_out, shared, private) < 0 or max(N, n_in, n_out, shared, private) > <Py_ssize_t> 1 << 40:
            raise ValueError(f"a program on {N} images with blocks of {n_in}, {n_out}, {shared} and {private} elements")
        self.N, self.n_in, self.n_out, self.shape, self.row_major = N, n_in, n_out, shape, row_major
        self.shared, self.private, self.threaded = round_up(shared, LINE), round_up(private, LINE), threaded
        self.n_stages, self.n_entries = len(stages), sum([len(entries) for _, entries in stages])
        self.stages = Block(self.n_stages * sizeof(Stage) + 1)
        self.entries = Block(self.n_entries * sizeof(Entry) + 1)
        self.held = []
        cdef Stage *stage = <Stage *> self.stages.address
        cdef Entry *e = <Entry *> self.entries.address
        cdef Py_ssize_t k = 0, images
        cdef Step step
        for chunk, entries in stages:
            if not 1 <= chunk:
                raise ValueError(f"a chunk of {chunk} images")
            stage.first, stage.stop = k, k + len(entries)
            stage.chunk, stage.n_chunks = chunk, ceil_div(N, chunk)
            # A private value holds a chunk; of a stage that is one chunk it holds all images.
            images = chunk if stage.n_chunks > 1 else N
            for step, x, y, residual in entries:
                if step is None or step.run == NULL:
                    raise TypeError("a program takes the steps that kernels make")
                # Raw pointers: self.held keeps what they point to.
                e.run, e.state, e.images, e.parts = step.run, step.state.address, step.images, step.parts
                e.x, e.y = self.checked(x, step.n_in, images), self.checked(y, step.n_out, images)
                e.residual = self.checked(residual, step.n_out, images)
                if e.residual.block != NOWHERE and not step.takes_residual or e.y.block == INPUT:
                    raise ValueError("a step without residual was given one, or writes to the input")
                # One area a thread, as large as the step that needs most.
                self.scratch = max(self.scratch, round_up(step.scratch, LINE))
                self.held.append(step)
                e += 1
                k += 1
            stage += 1

    cdef Place checked(self, object value, Py_ssize_t size, Py_ssize_t images) except *:
        """The place that `value` names, which must hold `images` (or all) images of `size` elements."""
        cdef Place p
        memset(&p, 0, sizeof(p))
        if value is None:
            return p
        if not isinstance(value, tuple) or len(value) != 3:
            raise TypeError(f"a value lies at (block, at, size), got {value!r}")
        p.block, p.at, p.size = PLACES[value[0]], value[1], value[2]
        cdef Py_ssize_t room = (self.N * self.n_in if p.block == INPUT else self.N * self.n_out if p.block == OUTPUT
                                else self.shared if p.block == SHARED else self.private)
        if p.size != size or p.at < 0 or p.at + size * (images if p.block == PRIVATE else self.N) > room:
            raise ValueError(f"a value of {size} elements an image does not lie at {value} of {room} elements")
        return p

    def predict(self, x, int n_threads):
        """What the steps make of x (N, ...), a fresh array; None if x is not float32, aligned and laid out as said."""
        check_team(n_threads)
        cdef Prediction call
        if not lies(x, self.N * self.n_in, self.row_major):
            return None
        y = empty(self.shape, FLOAT)
        if self.N == 0:
            return y
        if not self.threaded:
            n_threads = 1
        call.entries, call.stages = <Entry *> self.entries.address, <Stage *> self.stages.address
        call.n_stages, call.N = self.n_stages, self.N
        call.private, call.per_thread = self.private, self.private + self.scratch + LINE
        # One block: two counters of 8 bytes for each stage and entry, the shared values, and for each thread its
        # private values and scratch, a line apart so that threads share none.
        cdef Py_ssize_t n_counters = self.n_stages + self.n_entries, counters = round_up(4 * n_counters, LINE)
        cdef Block memory = Block((counters + self.shared + n_threads * call.per_thread) * sizeof(float))
        call.begun = <Py_ssize_t *> memory.address
        call.done = call.begun + n_counters
        call.blocks[0] = <float *> PyArray_DATA(<PyArrayObject *> x)
        call.blocks[1] = <float *> PyArray_DATA(<PyArrayObject *> y)
        call.blocks[2] = <float *> memory.address + counters
        call.blocks[3] = call.blocks[2] + self.shared
        # Only counters need a value: of values and scratch nothing is read that was not written.
        memset(memory.address, 0, counters * sizeof(float))
        # Without a region: its start would cost as much as a small network.
        if n_threads == 1:
            with nogil:
                work(&call, 0, 1)
        else:
            with nogil, parallel(num_threads=n_threads):
                work(&call, td_thread_num(), n_threads)
        return y
