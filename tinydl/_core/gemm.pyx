"""Matrix products for Linear layers and `matmul`: y = x w + b, dx = dy w', dw = x' dy.

The same register tiles as convolution: a row of x is a "pixel". A weight (out, in) lies in memory as (in, out), so a
row of w is a vector of output channels and is read where it lies. Sums over a long `in` are cut into a fixed number of
parts that are added in index order.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memcpy, memset
from tinydl._core.array cimport (
    NPY_FLOAT32, PyArray_Check, PyArray_DIMS, PyArray_NDIM, PyArrayObject, channels_last, data, float_type,
    import_array, real,
)
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.memory cimport Block
from tinydl._core.move cimport transpose_block
from tinydl._core.operands cimport td_at, td_epilogue
from tinydl._core.strip cimport outer_strip, strip, td_entries, td_matrix, td_pixel_range, td_rectangle
from tinydl._core.vector cimport TD_LANES_D, TD_LANES_F, lanes_of, td_flush_denormals, td_restore_denormals

import_array()

cdef enum:
    DEPTH = 392         # rows of w summed before a tile returns to memory: the rows of x of a tile stay in L1
    PART = 512          # shortest part of a long sum that becomes a task of its own
    MAX_PARTS = 16
    COLUMNS = 128       # columns of y of one task, half as many where the sum is short
    ROWS = 224          # rows of y of one task
    STRIP = 112         # inputs (rows of w) of one backward task
    BATCH = 256         # rows of x that a weight gradient sums before it returns to memory
    SMALL = 65536       # multiply-adds below which a region costs more than it gains


cdef (Py_ssize_t, Py_ssize_t) shape_of(object a, str name) except *:
    """The two lengths of a matrix; indexing the shape of anything else would read beyond it."""
    if not PyArray_Check(a):
        raise TypeError(f"{name}: expected a NumPy array, got {type(a).__name__}")
    if PyArray_NDIM(<PyArrayObject *> a) != 2:
        raise ValueError(f"{name}: expected a matrix, got shape {a.shape}")
    return PyArray_DIMS(<PyArrayObject *> a)[0], PyArray_DIMS(<PyArrayObject *> a)[1]


cdef void *matrix(object a, str name, int t, Py_ssize_t rows, Py_ssize_t cols, bint transposed=False,
                  bint writable=False) except? NULL:
    """Pointer to a row-major matrix, or to a weight (O, K) over (K, O) when `transposed`."""
    if shape_of(a, name) != (rows, cols):
        raise ValueError(f"{name}: expected shape ({rows}, {cols}), got {a.shape}")
    return channels_last(a.T if transposed else a, name, t, rows * cols, writable)


cdef void multiply(const real *x, Py_ssize_t ldx, Py_ssize_t n_rows, const real *w, Py_ssize_t ldw, Py_ssize_t K,
                   Py_ssize_t n_cols, const real *bias, const real *tail, real *y, Py_ssize_t ldy,
                   bint accumulate) noexcept nogil:
    """y (n_rows, n_cols) (+)= x (n_rows, K) w (K, n_cols) [+ bias].

    `tail` holds the columns after the last whole vector, padded with zeros, so that no load leaves w; bias likewise
    must reach to a whole vector.
    """
    cdef Py_ssize_t lanes = lanes_of[real](0), o = 0, valid, whole = n_cols // lanes * lanes
    cdef td_rectangle r = td_matrix(n_rows, K, ldx, ldy)
    cdef td_epilogue e
    memset(&e, 0, sizeof(e))
    while o < n_cols:
        valid = 2 * lanes if o + 2 * lanes <= whole else min(lanes, n_cols - o)
        e.bias = td_at(bias, o * sizeof(real))
        e.residual = y + o if accumulate else NULL
        if o < whole:
            strip(&r, x, w + o, ldw, y + o, valid, &e)
        else:
            strip(&r, x, tail, lanes, y + o, valid, &e)
        o = o + valid


# --- y = x w + b ---------------------------------------------------------------------------------------------------

cdef struct Forward:
    Py_ssize_t N, K, O
    Py_ssize_t n_parts, part            # of the sum over K
    Py_ssize_t n_rows, rows             # tasks along the batch
    Py_ssize_t n_cols, cols             # tasks along the outputs
    Py_ssize_t slab                     # elements of scratch a thread


cdef Forward plan_forward(Py_ssize_t N, Py_ssize_t K, Py_ssize_t O, Py_ssize_t itemsize) noexcept:
    cdef Forward f
    f.N, f.K, f.O = N, K, O
    f.cols = min(O, COLUMNS if K >= 2 * PART else COLUMNS // 2)
    f.n_cols = ceil_div(O, f.cols) if O else 0
    f.n_rows = ceil_div(N, ROWS)
    f.rows = round_up(ceil_div(N, f.n_rows), 2) if N else 0
    # Cut the sum only when it is long and the outputs alone are too few tasks.
    f.n_parts = 1
    while f.n_parts < MAX_PARTS and K >= 2 * f.n_parts * PART and f.n_parts * f.n_rows * f.n_cols < 2 * MAX_PARTS:
        f.n_parts *= 2
    f.part = ceil_div(K, f.n_parts)
    f.slab = f.rows * (DEPTH + 16)
    return f


cdef void forward_task(const Forward *f, Py_ssize_t task, const real *x, const real *w, const real *bias,
                       const real *tail, real *y, real *parts, real *slab) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t lanes = lanes_of[real](0), part = task % f.n_parts, block = task // f.n_parts
    cdef Py_ssize_t o = block % f.n_cols * f.cols, n = block // f.n_cols * f.rows
    cdef Py_ssize_t k = part * f.part, end = min(f.K, k + f.part), depth, i, ldx
    cdef Py_ssize_t n_rows = min(f.rows, f.N - n), n_cols = min(f.cols, f.O - o)
    cdef Py_ssize_t whole = f.O // lanes * lanes
    cdef real *out = y if f.n_parts == 1 else parts + part * f.N * f.O
    cdef bint accumulate = False
    cdef const real *src
    if f.K == 0:
        # An empty sum: the tile writes zeros plus the bias.
        multiply(x, 0, n_rows, w, 0, 0, n_cols, NULL if bias == NULL else bias + o, tail, out + n * f.O + o, f.O, False)
    while k < end:
        depth = min(<Py_ssize_t> DEPTH, end - k)
        if end - k < DEPTH + DEPTH // 2:
            depth = min(end - k, <Py_ssize_t> DEPTH + 16) if end - k <= DEPTH + 16 else round_up((end - k) // 2, 16)
        src, ldx = x + n * f.K + k, f.K
        if f.K > DEPTH + 16 and f.K % SHARED == 0:
            # Copy the block, rows a line more apart.
            for i in range(n_rows):
                memcpy(slab + i * (DEPTH + 16), x + (n + i) * f.K + k, depth * sizeof(real))
            src, ldx = slab, DEPTH + 16
        multiply(src, ldx, n_rows, w + k * f.O + o, f.O, depth, n_cols,
                 NULL if bias == NULL or k > 0 else bias + o, tail + k * lanes if o + n_cols > whole else NULL,
                 out + n * f.O + o, f.O, accumulate)
        accumulate = True
        k = k + depth
    td_restore_denormals(saved)


cdef void add_parts(const real *parts, real *y, Py_ssize_t n_parts, Py_ssize_t stride, Py_ssize_t begin,
                    Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t part, i
    memcpy(y + begin, parts + begin, (end - begin) * sizeof(real))
    for part in range(1, n_parts):
        for i in range(begin, end):
            y[i] = y[i] + parts[part * stride + i]


cdef void forward_all(const Forward *f, const real *x, const real *w, const real *bias, real *y, real *tail,
                      real *padded_bias, real *parts, real *slabs, int n_threads) noexcept nogil:
    cdef Py_ssize_t lanes = lanes_of[real](0), whole = f.O // lanes * lanes, k, task, chunk = 4096
    cdef Py_ssize_t n_tasks = f.n_rows * f.n_cols * f.n_parts, n_chunks = ceil_div(f.N * f.O, chunk)
    cdef const real *task_bias = NULL
    if whole < f.O:
        memset(tail, 0, f.K * lanes * sizeof(real))
        for k in range(f.K):
            memcpy(tail + k * lanes, w + k * f.O + whole, (f.O - whole) * sizeof(real))
    if bias != NULL:
        memset(padded_bias, 0, round_up(f.O, lanes) * sizeof(real))
        memcpy(padded_bias, bias, f.O * sizeof(real))
        task_bias = padded_bias
    for task in prange(n_tasks, num_threads=n_threads, schedule="dynamic",
                       use_threads_if=n_tasks > 1 and f.N * f.K * f.O > SMALL):
        forward_task(f, task, x, w, task_bias, tail, y, parts, slabs + threadid() * f.slab)
    if f.n_parts > 1:
        for task in prange(n_chunks, num_threads=n_threads, schedule="static", use_threads_if=n_chunks > 4):
            add_parts(parts, y, f.n_parts, f.N * f.O, task * chunk, min(f.N * f.O, (task + 1) * chunk))


cdef int product(int t, void *x, void *w, void *bias, void *y, Py_ssize_t N, Py_ssize_t K, Py_ssize_t O,
                 int n_threads) except -1:
    cdef Py_ssize_t itemsize = 4 if t == NPY_FLOAT32 else 8
    cdef Py_ssize_t lanes = TD_LANES_F if itemsize == 4 else TD_LANES_D
    if N == 0 or O == 0:
        return 0
    cdef Forward f = plan_forward(N, K, O, itemsize)
    cdef Py_ssize_t tail = K * lanes if O % lanes else 0, width = round_up(O, lanes)
    cdef Py_ssize_t parts = f.n_parts * N * O if f.n_parts > 1 else 0
    parts = round_up(parts, lanes)
    cdef Block scratch = Block((tail + width + parts + n_threads * f.slab + 1) * itemsize)
    cdef char *p = <char *> scratch.address
    if t == NPY_FLOAT32:
        forward_all(&f, <float *> x, <float *> w, <float *> bias, <float *> y, <float *> p,
                    <float *> p + tail, <float *> p + tail + width, <float *> p + tail + width + parts, n_threads)
    else:
        forward_all(&f, <double *> x, <double *> w, <double *> bias, <double *> y, <double *> p,
                    <double *> p + tail, <double *> p + tail + width, <double *> p + tail + width + parts, n_threads)
    return 0


def linear_forward(x, w, bias, y, int n_threads):
    """y (N, O) OUT = x w' + bias: x IN (N, K), w IN (O, K) over (K, O), bias IN (O,) or None."""
    cdef int t = float_type(x, "x")
    cdef Py_ssize_t N, K, O
    N, K = shape_of(x, "x")
    O = shape_of(w, "w")[0]
    cdef void *px = matrix(x, "x", t, N, K)
    cdef void *pw = matrix(w, "w", t, O, K, True)
    cdef void *pb = NULL if bias is None else data(bias, "bias", t, O)
    cdef void *py = matrix(y, "y", t, N, O, False, True)
    product(t, px, pw, pb, py, N, K, O, n_threads)


def matmul(a, b, c, int n_threads):
    """c (M, N) OUT = a b: a IN (M, K), b IN (K, N), all row-major."""
    cdef int t = float_type(a, "a")
    cdef Py_ssize_t M, K, N
    M, K = shape_of(a, "a")
    N = shape_of(b, "b")[1]
    cdef void *pa = matrix(a, "a", t, M, K)
    cdef void *pb = matrix(b, "b", t, K, N)
    cdef void *pc = matrix(c, "c", t, M, N, False, True)
    product(t, pa, pb, NULL, pc, M, K, N, n_threads)


# --- dx = dy w' ----------------------------------------------------------------------------------------------------
# Tiles compute dx' (inputs x batch): a row of w is broadcast, dy' is the panel. Blocks are transposed on the way out,
# which costs per element of dx, not of w.

cdef void backward_input_task(const real *w, const real *dyt, real *dx, Py_ssize_t N, Py_ssize_t K, Py_ssize_t O,
                              Py_ssize_t strip, Py_ssize_t n, real *block) noexcept nogil:
    """The inputs of a strip for the rows of the panel that begins with row n."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t lanes = lanes_of[real](0), k0 = strip * STRIP, n_k = min(<Py_ssize_t> STRIP, K - k0)
    cdef Py_ssize_t vectors = 2 if N - n > lanes else 1, width = vectors * lanes, i, j, valid
    multiply(w + k0 * O, O, n_k, dyt + n * O, width, O, width, <const real *> NULL, <const real *> NULL, block,
             2 * lanes, False)
    for j in range(vectors):
        valid = min(lanes, N - n - j * lanes)
        i = 0
        if valid == lanes:
            while i + lanes <= n_k:
                transpose_block(block + i * 2 * lanes + j * lanes, 2 * lanes, dx + (n + j * lanes) * K + k0 + i, K)
                i = i + lanes
        copy_transposed(block + i * 2 * lanes + j * lanes, 2 * lanes, dx + (n + j * lanes) * K + k0 + i, K, n_k - i,
                        valid)
    td_restore_denormals(saved)


cdef void copy_transposed(const real *src, Py_ssize_t lds, real *dst, Py_ssize_t ldd, Py_ssize_t n_rows,
                          Py_ssize_t n_cols) noexcept nogil:
    cdef Py_ssize_t r, c
    for c in range(n_cols):
        for r in range(n_rows):
            dst[c * ldd + r] = src[r * lds + c]


cdef void backward_input_all(const real *dy, const real *w, real *dx, Py_ssize_t N, Py_ssize_t K, Py_ssize_t O,
                             real *dyt, real *blocks, int n_threads) noexcept nogil:
    cdef Py_ssize_t lanes = lanes_of[real](0), n = 0, width, i, o, task
    cdef Py_ssize_t n_panels = ceil_div(N, 2 * lanes), n_tasks = ceil_div(K, STRIP) * n_panels
    cdef real *panel = dyt
    while n < N:
        width = 2 * lanes if N - n > lanes else lanes
        for o in range(O):
            for i in range(width):
                panel[o * width + i] = dy[(n + i) * O + o] if n + i < N else 0
        panel = panel + width * O
        n = n + width
    for task in prange(n_tasks, num_threads=n_threads, schedule="dynamic",
                       use_threads_if=n_tasks > 1 and N * K * O > SMALL):
        backward_input_task(w, dyt, dx, N, K, O, task // n_panels, task % n_panels * 2 * lanes,
                            blocks + threadid() * STRIP * 2 * lanes)


def linear_backward_input(dy, w, dx, int n_threads):
    """dx (N, K) OUT = dy w: dy IN (N, O), w IN (O, K) over (K, O)."""
    cdef int t = float_type(dy, "dy")
    cdef Py_ssize_t N, K, O
    N, O = shape_of(dy, "dy")
    K = shape_of(w, "w")[1]
    cdef void *pdy = matrix(dy, "dy", t, N, O)
    cdef void *pw = matrix(w, "w", t, O, K, True)
    cdef void *pdx = matrix(dx, "dx", t, N, K, False, True)
    cdef Py_ssize_t itemsize = 4 if t == NPY_FLOAT32 else 8
    cdef Py_ssize_t lanes = TD_LANES_F if itemsize == 4 else TD_LANES_D
    if N == 0 or K == 0:
        return
    cdef Py_ssize_t panels = round_up(N, 2 * lanes) * O
    cdef Block scratch = Block((panels + n_threads * STRIP * 2 * lanes + 1) * itemsize)
    cdef char *p = <char *> scratch.address
    if t == NPY_FLOAT32:
        backward_input_all(<float *> pdy, <float *> pw, <float *> pdx, N, K, O, <float *> p, <float *> p + panels,
                           n_threads)
    else:
        backward_input_all(<double *> pdy, <double *> pw, <double *> pdx, N, K, O, <double *> p,
                           <double *> p + panels, n_threads)


# --- dw = x' dy ----------------------------------------------------------------------------------------------------

cdef void backward_weight_task(const real *x, const real *dy, real *dw, Py_ssize_t N, Py_ssize_t K, Py_ssize_t O,
                               Py_ssize_t k0, Py_ssize_t n_k, bint accumulate, real *slab) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t n = 0, count, i
    cdef const real *src
    cdef td_pixel_range range_
    cdef td_entries entries
    memset(&range_, 0, sizeof(range_))
    range_.n_images = range_.n_rows = 1
    range_.x_col, range_.dy_col = K, O
    entries.rows, entries.n, entries.x_row, entries.dw_row, entries.dw_entry = 1, n_k, 0, 0, O
    while n < N:
        count = min(<Py_ssize_t> BATCH, N - n)
        src = x + n * K + k0
        if K % SHARED == 0:
            for i in range(count):
                memcpy(slab + i * STRIP, src + i * K, n_k * sizeof(real))
            src, range_.x_col = slab, STRIP
        range_.n_cols = count
        outer_strip(&range_, &entries, src, dy + n * O, O, dw + k0 * O, accumulate or n > 0)
        n = n + count
    td_restore_denormals(saved)


cdef void sum_rows(const real *dy, real *db, Py_ssize_t N, Py_ssize_t O, bint accumulate) noexcept nogil:
    cdef Py_ssize_t n, o
    if not accumulate:
        memset(db, 0, O * sizeof(real))
    for n in range(N):
        for o in range(O):
            db[o] = db[o] + dy[n * O + o]


cdef void backward_weight_all(const real *x, const real *dy, real *dw, real *db, Py_ssize_t N, Py_ssize_t K,
                              Py_ssize_t O, bint accumulate, real *slabs, int n_threads) noexcept nogil:
    # Strips of one width, an even number of them where that divides K: two threads finish together.
    cdef Py_ssize_t strip, width = ceil_div(K, max(1, 2 * ceil_div(K, 2 * STRIP)))
    cdef Py_ssize_t n_strips = ceil_div(K, max(1, width))
    if N == 0 and dw != NULL and not accumulate:
        memset(dw, 0, K * O * sizeof(real))
    if dw != NULL:
        for strip in prange(n_strips, num_threads=n_threads, schedule="dynamic",
                            use_threads_if=n_strips > 1 and N * K * O > SMALL):
            backward_weight_task(x, dy, dw, N, K, O, strip * width, min(width, K - strip * width), accumulate,
                                 slabs + threadid() * STRIP * BATCH)
    if db != NULL:
        sum_rows(dy, db, N, O, accumulate)


def linear_backward_weight(x, dy, dw, db, bint accumulate, int n_threads):
    """dw (O, K) over (K, O) OUT (+)= dy' x and db (O,) OUT (+)= the sum of dy's rows; either may be None.

    x : IN (N, K), dy : IN (N, O).
    """
    cdef int t = float_type(dy, "dy")
    cdef Py_ssize_t N, K = 0, O
    N, O = shape_of(dy, "dy")
    if dw is not None:
        K = shape_of(x, "x")[1]
    cdef void *px = NULL if dw is None else matrix(x, "x", t, N, K)
    cdef void *pdy = matrix(dy, "dy", t, N, O)
    cdef void *pdw = NULL if dw is None else matrix(dw, "dw", t, O, K, True, True)
    cdef void *pdb = NULL if db is None else data(db, "db", t, O, True)
    cdef Block scratch = Block(n_threads * STRIP * BATCH * (4 if t == NPY_FLOAT32 else 8))
    if t == NPY_FLOAT32:
        backward_weight_all(<float *> px, <float *> pdy, <float *> pdw, <float *> pdb, N, K, O, accumulate,
                            <float *> scratch.address, n_threads)
    else:
        backward_weight_all(<double *> px, <double *> pdy, <double *> pdw, <double *> pdb, N, K, O, accumulate,
                            <double *> scratch.address, n_threads)
