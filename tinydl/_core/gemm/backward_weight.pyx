"""dw = x' dy, summed over the batch by outer products in registers, and db, the sum of dy's rows.

A task owns some inputs, that is rows of dw as it lies in memory, and sums the whole batch into them: no two tasks add
to one element, and none needs a copy of dw of its own.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memcpy, memset
from tinydl._core.array cimport NPY_FLOAT32, data, float_type, matrix, matrix_shape, real, turned_matrix
from tinydl._core.gemm.limits cimport SHARED, SMALL
from tinydl._core.memory cimport Block
from tinydl._core.parallel cimport check_team
from tinydl._core.rounding cimport ceil_div
from tinydl._core.strip cimport outer_strip, td_entries, td_pixel_range
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

cdef enum:
    INPUTS = 112        # most rows of dw of one task
    BATCH = 256         # rows of x summed before a tile returns to memory: they stay in the second-level cache

cdef struct Product:
    const void *x       # (N, K)
    const void *dy      # (N, O)
    void *dw            # (K, O), or NULL
    void *db            # (O), or NULL
    Py_ssize_t N, K, O
    Py_ssize_t inputs   # rows of dw of a task
    void *slabs         # scratch (threads, BATCH, INPUTS): rows of x that would share cache sets


cdef void backward_weight_task(const Product *p, Py_ssize_t k, real *dw, real *slab) noexcept nogil:
    """The rows of dw from k on."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t n = 0, i, n_inputs = min(p.inputs, p.K - k)
    cdef const real *x
    cdef td_pixel_range batch
    cdef td_entries entries
    memset(&batch, 0, sizeof(batch))
    memset(&entries, 0, sizeof(entries))
    # The batch is one row of pixels, the task's inputs are one row of filter entries.
    batch.n_images = batch.n_rows = entries.rows = 1
    batch.x_col, batch.dy_col = p.K, p.O
    entries.n, entries.dw_entry = n_inputs, p.O
    # Blocks of the batch in order: the first writes dw, the others add to it.
    while n < p.N:
        batch.n_cols = min(<Py_ssize_t> BATCH, p.N - n)
        x = <const real *> p.x + n * p.K + k
        # Rows so far apart share cache sets and throw each other out; copies lie side by side.
        if p.K % SHARED == 0:
            for i in range(batch.n_cols):
                memcpy(slab + i * INPUTS, x + i * p.K, n_inputs * sizeof(real))
            x, batch.x_col = slab, INPUTS
        outer_strip(&batch, &entries, x, <const real *> p.dy + n * p.O, p.O, dw + k * p.O, n > 0)
        n = n + batch.n_cols
    td_restore_denormals(saved)


cdef void sum_rows(const Product *p, real *db) noexcept nogil:
    """db in the order of the batch, by one thread: N*O additions are little beside the N*K*O products."""
    cdef Py_ssize_t n, o
    cdef const real *dy = <const real *> p.dy
    memset(db, 0, p.O * sizeof(real))
    for n in range(p.N):
        for o in range(p.O):
            db[o] = db[o] + dy[n * p.O + o]


cdef void backward_weight_all(const Product *p, real *dw, int n_threads) noexcept nogil:
    cdef Py_ssize_t task, n_tasks = ceil_div(p.K, p.inputs)
    # An empty batch has no first block that would write dw.
    if dw != NULL and p.N == 0:
        memset(dw, 0, p.K * p.O * sizeof(real))
    elif dw != NULL:
        for task in prange(n_tasks, num_threads=n_threads, schedule="dynamic",
                           use_threads_if=n_tasks > 1 and p.N * p.K * p.O > SMALL):
            backward_weight_task(p, task * p.inputs, dw, <real *> p.slabs + threadid() * BATCH * INPUTS)
    if p.db != NULL:
        sum_rows(p, <real *> p.db)


def linear_backward_weight(x, dy, dw, db, int n_threads, /):
    """dw (O, K) over (K, O) OUT = dy' x and db (O,) OUT = the sum of dy's rows; either may be None.

    x : IN (N, K).  dy : IN (N, O).
    """
    check_team(n_threads)
    cdef Product p
    cdef int t = float_type(dy, "dy")
    p.N, p.O = matrix_shape(dy, "dy")
    p.K = 0 if dw is None else matrix_shape(x, "x")[1]
    p.x = NULL if dw is None else matrix(x, "x", t, p.N, p.K)
    p.dy = matrix(dy, "dy", t, p.N, p.O)
    p.dw = NULL if dw is None else turned_matrix(dw, "dw", t, p.O, p.K, True)
    p.db = NULL if db is None else data(db, "db", t, p.O, True)
    # Even shares, and an even number of them where that divides K: two threads finish together.
    p.inputs = max(1, ceil_div(p.K, max(1, 2 * ceil_div(p.K, 2 * INPUTS))))
    cdef Block scratch = Block(n_threads * BATCH * INPUTS * (4 if t == NPY_FLOAT32 else 8))
    p.slabs = scratch.address
    if t == NPY_FLOAT32:
        backward_weight_all(&p, <float *> p.dw, n_threads)
    else:
        backward_weight_all(&p, <double *> p.dw, n_threads)
