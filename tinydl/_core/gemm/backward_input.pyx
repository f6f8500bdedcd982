"""dx = dy w': the register tiles compute dx', inputs by batch, because rows of w and not of w' lie in memory.

A row of w is broadcast element by element and dy' is the panel: its vectors are rows of the batch. Blocks of dx' are
transposed on their way out, which costs by the elements of dx; transposing w would cost by those of w.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memset
from tinydl._core.array cimport NPY_FLOAT32, float_type, matrix, matrix_shape, real, turned_matrix
from tinydl._core.gemm.limits cimport SMALL
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.memory cimport Block
from tinydl._core.move cimport transpose_block
from tinydl._core.operands cimport td_epilogue
from tinydl._core.parallel cimport check_team
from tinydl._core.strip cimport strip, td_matrix, td_rectangle
from tinydl._core.vector cimport lanes_of, lanes_of_size, td_flush_denormals, td_restore_denormals

cdef enum:
    INPUTS = 112        # columns of dx of one task: its block of dx' stays in the first-level cache

cdef struct Product:
    const void *dy      # (N, O)
    const void *w       # (K, O)
    void *dx            # (N, K)
    Py_ssize_t N, K, O
    # Scratch
    void *panels        # dy' as panels [two vectors of rows, one at the tail][O][rows], padded with zeros
    void *blocks        # (threads, INPUTS, two vectors): a block of dx'


cdef void pack(const Product *p, real *panel) noexcept nogil:
    """dy' once for all tasks: N x O elements, against K times as many products."""
    cdef Py_ssize_t lanes = lanes_of[real](0), n = 0, width, i, o
    cdef const real *dy = <const real *> p.dy
    while n < p.N:
        width = 2 * lanes if p.N - n > lanes else lanes
        # A row of the panel is one o of all its rows of the batch; rows beyond the last are zero.
        for o in range(p.O):
            for i in range(width):
                panel[o * width + i] = dy[(n + i) * p.O + o] if n + i < p.N else 0
        panel = panel + width * p.O
        n = n + width


cdef void transpose(const real *src, Py_ssize_t lds, real *dst, Py_ssize_t ldd, Py_ssize_t n_rows,
                    Py_ssize_t n_cols) noexcept nogil:
    """dst (n_cols, n_rows) = src' for at most a vector of columns; whole blocks go through registers."""
    cdef Py_ssize_t lanes = lanes_of[real](0), i = 0, r, c
    if n_cols == lanes:
        while i + lanes <= n_rows:
            transpose_block(src + i * lds, lds, dst + i, ldd)
            i = i + lanes
    # What is left: rows after the last whole block, or all of a vector that the batch does not fill.
    for c in range(n_cols):
        for r in range(i, n_rows):
            dst[c * ldd + r] = src[r * lds + c]


cdef void backward_input_task(const Product *p, Py_ssize_t k, Py_ssize_t n, real *dx, real *block) noexcept nogil:
    """INPUTS columns of dx from k on, for the rows of the panel that begins with row n."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t lanes = lanes_of[real](0), vectors = 2 if p.N - n > lanes else 1, j
    cdef Py_ssize_t n_inputs = min(<Py_ssize_t> INPUTS, p.K - k)
    # Rows of w are the pixels; the rows of dx' that they give lie two vectors apart in the block.
    cdef td_rectangle inputs = td_matrix(n_inputs, p.O, p.O, 2 * lanes)
    cdef td_epilogue nothing
    memset(&nothing, 0, sizeof(nothing))
    strip(&inputs, <const real *> p.w + k * p.O, <const real *> p.panels + n * p.O, vectors * lanes, block,
          vectors * lanes, &nothing)
    # A vector of the batch at a time, for transposed blocks are square.
    for j in range(vectors):
        transpose(block + j * lanes, 2 * lanes, dx + (n + j * lanes) * p.K + k, p.K, n_inputs,
                  min(lanes, p.N - n - j * lanes))
    td_restore_denormals(saved)


cdef void backward_input_all(const Product *p, real *dx, int n_threads) noexcept nogil:
    cdef Py_ssize_t width = 2 * lanes_of[real](0), n_panels = ceil_div(p.N, width), task
    # Cut along inputs and batch, never along O: every sum has one owner. Panels vary fastest, so tasks that follow each
    # other read the same rows of w.
    cdef Py_ssize_t n_tasks = ceil_div(p.K, INPUTS) * n_panels
    pack(p, <real *> p.panels)
    for task in prange(n_tasks, num_threads=n_threads, schedule="dynamic",
                       use_threads_if=n_tasks > 1 and p.N * p.K * p.O > SMALL):
        backward_input_task(p, task // n_panels * INPUTS, task % n_panels * width, dx,
                            <real *> p.blocks + threadid() * INPUTS * width)


def linear_backward_input(dy, w, dx, int n_threads, /):
    """dx (N, K) OUT = dy w: dy IN (N, O), w IN (O, K) over (K, O)."""
    check_team(n_threads)
    cdef Product p
    cdef int t = float_type(dy, "dy")
    cdef Py_ssize_t itemsize = 4 if t == NPY_FLOAT32 else 8, width = 2 * lanes_of_size(itemsize)
    p.N, p.O = matrix_shape(dy, "dy")
    p.K = matrix_shape(w, "w")[1]
    p.dy = matrix(dy, "dy", t, p.N, p.O)
    p.w = turned_matrix(w, "w", t, p.O, p.K)
    p.dx = matrix(dx, "dx", t, p.N, p.K, True)
    # O = 0 goes on: empty sums make dx 0.
    if p.N == 0 or p.K == 0:
        return
    cdef Py_ssize_t panels = round_up(p.N, width) * p.O
    # Scratch: dy' as panels, then a block of dx' for each thread.
    cdef Block scratch = Block((panels + n_threads * INPUTS * width) * itemsize)
    p.panels = scratch.address
    p.blocks = <char *> p.panels + panels * itemsize
    if t == NPY_FLOAT32:
        backward_input_all(&p, <float *> p.dx, n_threads)
    else:
        backward_input_all(&p, <double *> p.dx, n_threads)
