"""A Linear layer as a step of a program: y = [relu](x w + bias), an "image" being a row of x.

Weights never change here, so they are packed once, in the order in which the tiles read them: a panel of columns after
the other. A task is some rows and a few panels; a single row, the common case of a net that answers one question at a
time, has a loop of its own.
"""

from libc.string cimport memcpy, memset
from tinydl._core.array cimport NPY_FLOAT32, matrix, matrix_shape
from tinydl._core.gemm.limits cimport SHARED
from tinydl._core.inference.program cimport Filters, Step, make_filters, make_step
from tinydl._core.memory cimport Block
from tinydl._core.operands cimport td_epilogue
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.strip cimport strip, td_matrix, td_rectangle
from tinydl._core.vector cimport TD_LANES_F

cdef extern from "src/gemv.h" nogil:
    ctypedef struct td_packed:
        Py_ssize_t K, O
        const float *panels
        const float *bias
        Py_ssize_t relu
        Py_ssize_t depth
    void td_gemv(const td_packed *, const float *x, float *y, Py_ssize_t begin, Py_ssize_t end) noexcept

cdef enum:
    DEPTH = 392         # terms summed before a tile returns to memory: the rows of x and a panel of w stay in L1
    APART = DEPTH + 16  # elements between copied rows: a line more than the longest block
    ROWS = 32           # rows of x of one task
    PANELS = 4          # panels of w of one task

cdef struct LinearStep:
    td_packed w
    bint copies         # whether rows of x lie so that they share cache sets
    Py_ssize_t n_parts  # tasks along the outputs


cdef void panel_block(const td_packed *w, const td_rectangle *rows, const float *x, float *y, Py_ssize_t k,
                      Py_ssize_t o) noexcept nogil:
    """Adds the terms from k on to the columns of the panel that begins with column o; the first ones are written."""
    cdef Py_ssize_t width = TD_LANES_F if w.O - o <= TD_LANES_F else 2 * TD_LANES_F
    cdef td_epilogue e
    memset(&e, 0, sizeof(e))
    # Blocks of the sum follow each other in order: the first brings the bias, the others add to what is in y.
    if k > 0:
        e.residual = y + o
    elif w.bias != NULL:
        e.bias = w.bias + o
    # Results below 0 may still grow before the last term.
    e.relu = w.relu and k + rows.K == w.K
    # All panels before this one are whole: they hold K*o elements.
    strip(rows, x, w.panels + o * w.K + k * width, width, y + o, min(width, w.O - o), &e)


cdef void linear_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y, const float *residual,
                      float *slab) noexcept nogil:
    cdef const LinearStep *s = <const LinearStep *> state
    cdef const td_packed *w = &s.w
    # Panels vary fastest: tasks that follow each other read the same rows of x.
    cdef Py_ssize_t columns = PANELS * 2 * TD_LANES_F, row = task // s.n_parts * ROWS
    cdef Py_ssize_t begin = task % s.n_parts * columns, end = min(w.O, begin + columns), o, k = 0, i
    cdef Py_ssize_t n_rows = min(<Py_ssize_t> ROWS, n - row)
    cdef td_rectangle rows = td_matrix(n_rows, 0, APART if s.copies else w.K, w.O)
    cdef const float *src
    x += row * w.K
    y += row * w.O
    if n_rows == 1:
        # The tiles would use two of their accumulators: no hiding of the latency of an addition.
        td_gemv(w, x, y, begin, end)
        return
    # K outside, panels inside: the block of x serves all panels of the task while it is in L1.
    while k < w.K:
        rows.K = min(w.depth, w.K - k)
        src = x + k
        if s.copies:
            # Rows a power of two apart share a few cache sets; copied, a line more apart, they have sets of their own.
            for i in range(n_rows):
                memcpy(slab + i * APART, src + i * w.K, rows.K * sizeof(float))
            src = slab
        o = begin
        while o < end:
            panel_block(w, &rows, src, y, k, o)
            o = o + 2 * TD_LANES_F
        k = k + rows.K


def linear_filters(w, bias, /):
    """Filters of `linear_step`: w IN (K, O) row-major, bias IN (O,) or None; float32."""
    cdef Py_ssize_t K, O, lanes = TD_LANES_F, o = 0, k, width, n
    K, O = matrix_shape(w, "w")
    cdef float *src = <float *> matrix(w, "w", NPY_FLOAT32, K, O)
    cdef Block panels = Block(max(1, K * round_up(O, lanes) * sizeof(float)))
    cdef float *out = <float *> panels.address
    # Zeros after the last column: a vector is always read whole.
    memset(out, 0, K * round_up(O, lanes) * sizeof(float))
    while o < O:
        width = lanes if O - o <= lanes else 2 * lanes
        n = min(width, O - o)
        for k in range(K):
            memcpy(out + k * width, src + k * O + o, n * sizeof(float))
        out += K * width
        o += width
    return make_filters(panels, bias, O, 1, lanes, ("linear", K, O))


def linear_step(Filters filters not None, bint relu, /):
    """A `Step`: y = [relu](x w + bias), an "image" being a row of x."""
    cdef Block state = Block(sizeof(LinearStep))
    cdef LinearStep *s = <LinearStep *> state.address
    cdef td_packed *w = &s.w
    w.K = w.O = 0
    if filters.shape[0] == "linear":
        w.K, w.O = filters.shape[1:]
    if w.K < 1 or w.O < 1:
        raise ValueError(f"linear_step: filters of shape {filters.shape}")
    w.panels, w.relu = <float *> filters.weights.address, relu
    w.bias = NULL if filters.bias is None else <float *> filters.bias.address
    # Blocks of one length rather than long ones and a short rest.
    w.depth = ceil_div(w.K, ceil_div(w.K, <Py_ssize_t> DEPTH))
    s.copies = w.K > w.depth and w.K % SHARED == 0
    s.n_parts = ceil_div(ceil_div(w.O, 2 * <Py_ssize_t> TD_LANES_F), <Py_ssize_t> PANELS)
    cdef Step step = make_step(linear_task, state, filters, ROWS, s.n_parts, w.K, w.O)
    step.scratch = ROWS * APART
    return step
