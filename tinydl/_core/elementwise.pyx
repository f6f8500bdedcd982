"""Element-by-element kernels: activations and their gradients, addition.

All arrays of a call share one dense memory order; only their number of elements counts. The output
may be one of the inputs. Backward kernels take y (the output) where the derivative is cheapest from it, else x: the row
of the activation in src/activations.h says which.
"""

from cython.parallel cimport prange
from tinydl._core.activations cimport (
    RELU, TD_N_ACTIVATIONS, activation_of, adding, td_activation, td_activation_names, td_element_loop,
)
from tinydl._core.array cimport NPY_FLOAT32, data, float_type
from tinydl._core.parallel cimport check_team
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

cdef enum:
    CHUNK = 16384  # elements of one task: 64 KB of float32, small beside L2 and large beside a region's start

# What a loop reads and writes; b NULL: it has one operand.
cdef struct ElementwiseCall:
    const char *a
    const char *b
    char *out
    Py_ssize_t n, itemsize
    double parameter
    td_element_loop loop


# Names of the activations, in the order of src/activations.h.
ACTIVATIONS = tuple([td_activation_names[i].decode() for i in range(TD_N_ACTIVATIONS)])
cdef dict _rows = {name: i for i, name in enumerate(ACTIVATIONS)}


cdef void loop_task(const ElementwiseCall *k, Py_ssize_t t) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t first = t * CHUNK, at = first * k.itemsize
    k.loop(k.a + at, k.b + at if k.b != NULL else NULL, k.out + at, min(<Py_ssize_t> CHUNK, k.n - first), k.parameter)
    td_restore_denormals(saved)


cdef void run(const ElementwiseCall *k, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_tasks = (k.n + CHUNK - 1) // CHUNK, t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=n_tasks > 1):
        loop_task(k, t)


cdef int unary(const td_element_loop *pair, x, y, double parameter, int n_threads) except -1:
    cdef int dtype_num = float_type(x, "x")
    cdef ElementwiseCall k
    k.n, k.itemsize, k.parameter = x.size, 4 if dtype_num == NPY_FLOAT32 else 8, parameter
    k.a = <const char *> data(x, "x", dtype_num, k.n)
    k.b = NULL
    k.out = <char *> data(y, "y", dtype_num, k.n, True)
    k.loop = pair[dtype_num != NPY_FLOAT32]
    with nogil:
        run(&k, n_threads)
    return 0


cdef int binary(const td_element_loop *pair, tuple names, a, b, out, double parameter, int n_threads) except -1:
    cdef int dtype_num = float_type(a, names[0])
    cdef ElementwiseCall k
    k.n, k.itemsize, k.parameter = a.size, 4 if dtype_num == NPY_FLOAT32 else 8, parameter
    k.a = <const char *> data(a, names[0], dtype_num, k.n)
    k.b = <const char *> data(b, names[1], dtype_num, k.n)
    k.out = <char *> data(out, names[2], dtype_num, k.n, True)
    k.loop = pair[dtype_num != NPY_FLOAT32]
    with nogil:
        run(&k, n_threads)
    return 0


cdef const td_activation *row_of(str name) except NULL:
    row = _rows.get(name)
    if row is None:
        raise ValueError(f"no activation {name!r}; known: {', '.join(ACTIVATIONS)}")
    return activation_of(<int> row + 1)


cdef td_element_loop value_loop(str name) except NULL:
    return row_of(name).value[0]


def activation_forward(str name, x, y, double parameter, int n_threads, /):
    """y = the activation `name` of x; `parameter` is the slope of leaky_relu, the scale of elu.

    x : IN, any shape, dense.  y : OUT, as x.
    """
    check_team(n_threads)
    unary(row_of(name).value, x, y, parameter, n_threads)


def activation_backward(str name, saved, dy, dx, double parameter, int n_threads, /):
    """dx = dy times the derivative of the activation `name`, from what its row wants saved: x or y.

    saved, dy : IN.  dx : OUT, as saved.
    """
    check_team(n_threads)
    binary(row_of(name).gradient, ("saved", "dy", "dx"), saved, dy, dx, parameter, n_threads)


def relu_forward(x, y, int n_threads, /):
    """y = max(x, 0); NaN passes.

    x : IN, any shape, dense.  y : OUT, as x.
    """
    check_team(n_threads)
    unary(activation_of(RELU + 1).value, x, y, 0, n_threads)


def relu_backward(y, dy, dx, int n_threads, /):
    """dx = dy where y > 0 (or NaN), else 0.

    y, dy : IN.  dx : OUT, as y.
    """
    check_team(n_threads)
    binary(activation_of(RELU + 1).gradient, ("y", "dy", "dx"), y, dy, dx, 0, n_threads)


def add(a, b, y, int n_threads, /):
    """y = a + b.

    a, b : IN, in the same dense order.  y : OUT, as a.
    """
    check_team(n_threads)
    binary(adding(), ("a", "b", "y"), a, b, y, 0, n_threads)
