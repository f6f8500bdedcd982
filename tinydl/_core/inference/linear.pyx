"""A Linear layer as a step of a program: y = [relu](x w + bias), an "image" being a row of x."""

from libc.string cimport memcpy, memset
from tinydl._core.array cimport NPY_FLOAT32, import_array
from tinydl._core.gemm cimport SHARED, matrix, shape_of
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.inference.program cimport Filters, make_filters, make_step
from tinydl._core.memory cimport Block
from tinydl._core.operands cimport td_epilogue
from tinydl._core.strip cimport strip, td_matrix, td_rectangle
from tinydl._core.vector cimport TD_LANES_F

cdef extern from "src/row.h" nogil:
    void td_row_product(const float *x, Py_ssize_t K, Py_ssize_t depth, const float *panels, Py_ssize_t stride,
                        Py_ssize_t n_panels, Py_ssize_t vectors, const float *bias, int clamp, float *y,
                        Py_ssize_t lanes) noexcept

import_array()

cdef enum:
    STEP_DEPTH = 392    # terms summed before a tile returns to memory: the rows of x and a panel of w stay in L1
    STEP_ROWS = 32      # rows of x of one task
    STEP_PANELS = 4     # panels of w of one task

cdef struct Frozen:
    Py_ssize_t K, O
    const float *panels         # [panel of two vectors (one at the tail)][K][lanes]
    const float *bias           # whole vectors, or NULL
    bint clamp
    bint copies                 # whether rows of x lie so that they share cache sets
    Py_ssize_t depth            # terms summed before a tile returns to memory, at most STEP_DEPTH
    Py_ssize_t n_parts          # tasks along the outputs


cdef void frozen_panel(const Frozen *f, const float *x, Py_ssize_t ldx, Py_ssize_t n_rows, Py_ssize_t k,
                       Py_ssize_t depth, Py_ssize_t o, float *y) noexcept nogil:
    """Columns of one panel from o on: y (n_rows, O) (+)= x (n_rows, depth) w[k .. k + depth - 1]."""
    cdef Py_ssize_t lanes = TD_LANES_F, width = lanes if f.O - o <= lanes else 2 * lanes
    cdef td_rectangle r = td_matrix(n_rows, depth, ldx, f.O)
    cdef td_epilogue e
    memset(&e, 0, sizeof(e))
    e.bias = NULL if f.bias == NULL or k > 0 else f.bias + o
    e.residual = y + o if k > 0 else NULL
    e.relu = f.clamp and k + depth == f.K
    strip(&r, x, f.panels + o * f.K + k * width, width, y + o, min(width, f.O - o), &e)


cdef void frozen_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y, const float *addend,
                      float *slab) noexcept nogil:
    cdef const Frozen *f = <const Frozen *> state
    cdef Py_ssize_t lanes = TD_LANES_F, row = task // f.n_parts * STEP_ROWS
    cdef Py_ssize_t n_rows = min(<Py_ssize_t> STEP_ROWS, n - row)
    cdef Py_ssize_t begin = task % f.n_parts * STEP_PANELS * 2 * lanes, end = min(f.O, begin + STEP_PANELS * 2 * lanes)
    cdef Py_ssize_t o = begin, k = 0, depth, i, n_panels
    x += row * f.K
    y += row * f.O
    if n_rows == 1:
        while o < end:
            n_panels = (end - o + lanes - 1) // (2 * lanes)
            td_row_product(x, f.K, f.depth, f.panels + o * f.K, 2 * lanes * f.K, n_panels,
                           2 if n_panels else 1, NULL if f.bias == NULL else f.bias + o, f.clamp, y + o, end - o)
            o = o + max(n_panels * 2, <Py_ssize_t> 1) * lanes
        return
    while k < f.K:
        depth = min(f.depth, f.K - k)
        if f.copies:
            # Rows a power of two apart would share a few cache sets: copy the block, rows a line more apart.
            for i in range(n_rows):
                memcpy(slab + i * (STEP_DEPTH + 16), x + i * f.K + k, depth * sizeof(float))
        o = begin
        while o < end:
            if f.copies:
                frozen_panel(f, slab, STEP_DEPTH + 16, n_rows, k, depth, o, y)
            else:
                frozen_panel(f, x + k, f.K, n_rows, k, depth, o, y)
            o = o + 2 * lanes
        k = k + depth


def linear_filters(w, bias):
    """Filters of `linear_step`: w IN (K, O) row-major, bias IN (O,) or None; float32."""
    cdef Py_ssize_t K, O, lanes = TD_LANES_F, o = 0, k, width, n
    K, O = shape_of(w, "w")
    cdef float *pw = <float *> matrix(w, "w", NPY_FLOAT32, K, O)
    cdef Block panels = Block(max(1, K * round_up(O, lanes) * sizeof(float)))
    cdef float *out = <float *> panels.address
    memset(out, 0, K * round_up(O, lanes) * sizeof(float))
    while o < O:
        width = lanes if O - o <= lanes else 2 * lanes
        n = min(width, O - o)
        for k in range(K):
            memcpy(out + k * width, pw + k * O + o, n * sizeof(float))
        out += K * width
        o += width
    return make_filters(panels, bias, O, 1, lanes, ("linear", K, O))


def linear_step(Filters filters not None, bint relu):
    """A `Step`: y = [relu](x w + bias), an "image" being a row of x."""
    cdef Block state = Block(sizeof(Frozen))
    cdef Frozen *f = <Frozen *> state.address
    if filters.shape[0] == "linear":
        f.K, f.O = filters.shape[1:]
    else:
        f.K = f.O = 0
    if f.K < 1 or f.O < 1:
        raise ValueError(f"linear_step: filters of shape {filters.shape}")
    f.depth = ceil_div(f.K, ceil_div(f.K, <Py_ssize_t> STEP_DEPTH))
    f.copies = f.K > f.depth and f.K % SHARED == 0
    f.panels, f.clamp = <float *> filters.weights.address, relu
    f.bias = NULL if filters.bias is None else <float *> filters.bias.address
    f.n_parts = ceil_div(ceil_div(f.O, 2 * <Py_ssize_t> TD_LANES_F), STEP_PANELS)
    return make_step(frozen_task, state, filters, STEP_ROWS, f.n_parts, f.K, f.O, STEP_ROWS * (STEP_DEPTH + 16), False)
