"""y = x w + b: a block of y is a task, its rows are the pixels of the register tiles and its columns the channels.

A long sum is cut twice. Blocks of DEPTH terms return to memory in between, so that the rows of x stay in the
first-level cache while all columns read them. And where the results alone are too few tasks, a fixed number of parts of
the sum are tasks of their own, added in index order at the end. Both cuts depend on the shape only.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memcpy, memset
from tinydl._core.array cimport NPY_FLOAT32, data, float_type, matrix, matrix_shape, real, turned_matrix
from tinydl._core.gemm.limits cimport SHARED, SMALL
from tinydl._core.memory cimport Block
from tinydl._core.operands cimport td_epilogue, td_epilogue_from_channel
from tinydl._core.parallel cimport check_team
from tinydl._core.parts cimport combine
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.strip cimport strip, td_matrix, td_rectangle
from tinydl._core.vector cimport lanes_of, lanes_of_size, td_flush_denormals, td_restore_denormals

cdef enum:
    DEPTH = 392         # terms summed before a tile returns to memory
    SLACK = 16          # terms more that are not worth a block of their own
    PART = 512          # shortest part of a long sum that becomes a task
    MAX_PARTS = 16
    COLUMNS = 128       # columns of y of one task, half as many where the sum is short
    ROWS = 224          # rows of y of one task

cdef struct Product:
    const void *x       # (N, K)
    const void *w       # (K, O)
    const void *bias    # (O), or NULL
    void *y             # (N, O)
    Py_ssize_t N, K, O
    Py_ssize_t n_parts, part        # of the sum over K; terms of a part
    Py_ssize_t n_row_blocks, rows   # of y; rows of a block
    Py_ssize_t n_col_blocks, cols   # of y; columns of a block
    # Scratch
    void *tail          # (K, lanes): the columns of w after the last whole vector, padded with zeros
    void *padded_bias   # (O) up to a whole vector
    void *parts         # (n_parts, N, O), where there are several
    void *slabs         # (threads, slab): rows of x that would share cache sets
    Py_ssize_t slab     # elements


cdef void plan(Product *p) noexcept:
    """The tasks, from the shape alone."""
    p.cols = min(p.O, COLUMNS if p.K >= 2 * PART else COLUMNS // 2)
    p.n_col_blocks = ceil_div(p.O, p.cols)
    p.n_row_blocks = ceil_div(p.N, ROWS)
    # An even number of rows: the tiles take pixels in pairs.
    p.rows = round_up(ceil_div(p.N, p.n_row_blocks), 2)
    # Parts only while blocks of y are too few to share out, and none shorter than PART: each costs a copy of y.
    p.n_parts = 1
    while (p.n_parts < MAX_PARTS and p.K >= 2 * p.n_parts * PART
           and p.n_parts * p.n_row_blocks * p.n_col_blocks < 2 * MAX_PARTS):
        p.n_parts *= 2
    p.part = ceil_div(p.K, p.n_parts)
    p.slab = p.rows * (DEPTH + SLACK)


cdef inline Py_ssize_t next_depth(Py_ssize_t left) noexcept nogil:
    """Terms of the next block when `left` remain: two even halves rather than a block and a short rest."""
    if left <= DEPTH + SLACK:
        return left
    return round_up(left // 2, SLACK) if left < DEPTH + DEPTH // 2 else DEPTH


cdef void multiply(const td_rectangle *rows, const real *x, const real *w, Py_ssize_t ldw, const real *tail, real *y,
                   Py_ssize_t n_cols, const td_epilogue *e) noexcept nogil:
    """y (rows, n_cols) = x w, then the epilogue; rows of w lie `ldw` elements apart.

    The columns after the last whole vector are read from `tail`, so that no load leaves w.
    """
    cdef Py_ssize_t lanes = lanes_of[real](0), o = 0, n, whole = n_cols // lanes * lanes
    cdef td_epilogue here
    while o < n_cols:
        # Two vectors while w has them, then one, then the tail.
        n = 2 * lanes if o + 2 * lanes <= whole else min(lanes, n_cols - o)
        here = td_epilogue_from_channel(e[0], o * sizeof(real))
        if o < whole:
            strip(rows, x, w + o, ldw, y + o, n, &here)
        else:
            strip(rows, x, tail, lanes, y + o, n, &here)
        o = o + n


cdef void forward_task(const Product *p, Py_ssize_t task, real *y, real *slab) noexcept nogil:
    """One block of y, or of one part of it."""
    cdef unsigned int saved = td_flush_denormals()
    # Of the number of a task parts vary fastest, then columns, then rows.
    cdef Py_ssize_t lanes = lanes_of[real](0), part = task % p.n_parts, block = task // p.n_parts, i, depth
    cdef Py_ssize_t o = block % p.n_col_blocks * p.cols, n = block // p.n_col_blocks * p.rows
    cdef Py_ssize_t begin = part * p.part, end = min(p.K, begin + p.part), k = begin
    cdef Py_ssize_t n_rows = min(p.rows, p.N - n), n_cols = min(p.cols, p.O - o)
    # Seek to y[n, o], or to the same place in the part's own (N, O).
    cdef real *out = (y if p.n_parts == 1 else <real *> p.parts + part * p.N * p.O) + n * p.O + o
    cdef const real *src
    cdef td_rectangle rows
    cdef td_epilogue e
    memset(&e, 0, sizeof(e))
    # The bias enters once, with the first block of the first part.
    if p.bias != NULL and begin == 0:
        e.bias = <const real *> p.padded_bias + o
    # Once at least: of no terms at all the result is the bias.
    while True:
        depth = next_depth(end - k)
        src = <const real *> p.x + n * p.K + k
        rows = td_matrix(n_rows, depth, p.K, p.O)
        # Rows so far apart share cache sets: without a copy each column would read them from L2 again.
        if p.K > DEPTH + SLACK and p.K % SHARED == 0:
            rows.src_col = DEPTH + SLACK
            for i in range(n_rows):
                memcpy(slab + i * rows.src_col, src + i * p.K, depth * sizeof(real))
            src = slab
        multiply(&rows, src, <const real *> p.w + k * p.O + o, p.O, <const real *> p.tail + k * lanes, out, n_cols, &e)
        # The next block adds to this one's results.
        e.bias, e.residual = NULL, out
        k = k + depth
        if k >= end:
            break
    td_restore_denormals(saved)


cdef void forward_all(const Product *p, real *y, int n_threads) noexcept nogil:
    cdef Py_ssize_t lanes = lanes_of[real](0), whole = p.O // lanes * lanes, k, task
    cdef Py_ssize_t n_tasks = p.n_row_blocks * p.n_col_blocks * p.n_parts
    # Loads are whole vectors: the last columns of w and the bias get zeros behind them, where w itself would end.
    if whole < p.O:
        memset(p.tail, 0, p.K * lanes * sizeof(real))
        for k in range(p.K):
            memcpy(<real *> p.tail + k * lanes, <const real *> p.w + k * p.O + whole, (p.O - whole) * sizeof(real))
    if p.bias != NULL:
        memset(p.padded_bias, 0, round_up(p.O, lanes) * sizeof(real))
        memcpy(p.padded_bias, p.bias, p.O * sizeof(real))
    for task in prange(n_tasks, num_threads=n_threads, schedule="dynamic",
                       use_threads_if=n_tasks > 1 and p.N * p.K * p.O > SMALL):
        forward_task(p, task, y, <real *> p.slabs + threadid() * p.slab)
    # In the order of their index, whoever made them.
    if p.n_parts > 1:
        combine(<const real *> p.parts, y, p.n_parts, p.N * p.O, p.N * p.O, n_threads)


cdef int run(Product *p, int type_number, int n_threads) except -1:
    """Plan, scratch and type. K = 0 is a product like any other: y is the bias, or 0."""
    if p.N == 0 or p.O == 0:
        return 0
    cdef Py_ssize_t itemsize = 4 if type_number == NPY_FLOAT32 else 8, lanes = lanes_of_size(itemsize)
    plan(p)
    cdef Py_ssize_t tail = p.K * lanes if p.O % lanes else 0, width = round_up(p.O, lanes)
    cdef Py_ssize_t parts = round_up(p.n_parts * p.N * p.O, lanes) if p.n_parts > 1 else 0
    # Scratch: the tail of w, the padded bias, the parts' results, a slab a thread.
    cdef Block scratch = Block((tail + width + parts + n_threads * p.slab + 1) * itemsize)
    p.tail = scratch.address
    p.padded_bias = <char *> p.tail + tail * itemsize
    p.parts = <char *> p.padded_bias + width * itemsize
    p.slabs = <char *> p.parts + parts * itemsize
    if type_number == NPY_FLOAT32:
        forward_all(p, <float *> p.y, n_threads)
    else:
        forward_all(p, <double *> p.y, n_threads)
    return 0


def linear_forward(x, w, bias, y, int n_threads, /):
    """y (N, O) OUT = x w' + bias: x IN (N, K), w IN (O, K) over (K, O), bias IN (O,) or None."""
    check_team(n_threads)
    cdef Product p
    cdef int t = float_type(x, "x")
    p.N, p.K = matrix_shape(x, "x")
    p.O = matrix_shape(w, "w")[0]
    p.x = matrix(x, "x", t, p.N, p.K)
    p.w = turned_matrix(w, "w", t, p.O, p.K)
    p.bias = NULL if bias is None else data(bias, "bias", t, p.O)
    p.y = matrix(y, "y", t, p.N, p.O, True)
    run(&p, t, n_threads)


def matmul(a, b, c, int n_threads, /):
    """c (M, N) OUT = a b: a IN (M, K), b IN (K, N), all row-major."""
    check_team(n_threads)
    cdef Product p
    cdef int t = float_type(a, "a")
    p.N, p.K = matrix_shape(a, "a")
    p.O = matrix_shape(b, "b")[1]
    p.x = matrix(a, "a", t, p.N, p.K)
    p.w = matrix(b, "b", t, p.K, p.O)
    p.bias = NULL
    p.y = matrix(c, "c", t, p.N, p.O, True)
    run(&p, t, n_threads)
