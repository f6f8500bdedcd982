"""The one place that turns a Python object into a raw pointer: every kernel's arrays pass through here, so that a wrong
type, dtype, size, alignment or memory order is an exception, never a wild read.

Compiled once and called through pointers, a few a call of a kernel: a copy of these functions in each module at each
level took a ninth of the time of a build.
"""

from libc.string cimport memcmp

import_array()


cdef PyArrayObject *ndarray(object a, str name) except NULL:
    """An array of any type, shape and order."""
    if not PyArray_Check(a):
        raise TypeError(f"{name}: expected a NumPy array, got {type(a).__name__}")
    return <PyArrayObject *> a


cdef PyArrayObject *as_array(object a, str name, int type_number, Py_ssize_t size, bint writable) except NULL:
    """Check one kernel argument: an aligned, native ndarray of `type_number` with `size` elements."""
    cdef PyArrayObject *array = ndarray(a, name)
    cdef int given = PyArray_TYPE(array)
    # C has two names for the integer of 64 bits: np.int64 and np.longlong differ in number alone.
    if given != type_number and not PyArray_EquivTypenums(given, type_number):
        raise TypeError(f"{name}: expected {PyArray_TypeObjectFromType(type_number).__name__}, got {a.dtype}")
    if not PyArray_ISBEHAVED_RO(array):
        raise TypeError(f"{name}: expected an aligned array in native byte order, got {a.dtype.str}"
                        f"{'' if a.flags.aligned else ' (misaligned)'}")
    if writable and not PyArray_ISWRITEABLE(array):
        raise ValueError(f"{name}: the output array is read-only")
    if PyArray_NDIM(array) > MAX_AXES:
        raise ValueError(f"{name}: an array of {PyArray_NDIM(array)} axes, at most {MAX_AXES} are taken")
    # NumPy keeps the product of the lengths below 2**63, so this one cannot wrap around.
    cdef Py_ssize_t n = 1
    cdef int axis
    for axis in range(PyArray_NDIM(array)):
        n *= PyArray_DIMS(array)[axis]
    if n != size:
        raise ValueError(f"{name}: expected {size} elements, got shape {a.shape}")
    return array


cdef void *data(object a, str name, int type_number, Py_ssize_t size, bint writable=False) except? NULL:
    """Pointer to a dense array read in memory order, whatever its logical axis order.

    (N, C, H, W) over (N, H, W, C), (O, C, KH, KW) over (KH, KW, C, O) and plain C order all pass: what is checked is
    that the elements fill one block without gaps or overlap.
    """
    cdef PyArrayObject *array = as_array(a, name, type_number, size, writable)
    cdef int ndim = PyArray_NDIM(array), axis, other
    cdef Py_ssize_t *dims = PyArray_DIMS(array)
    cdef Py_ssize_t *strides = PyArray_STRIDES(array)
    cdef Py_ssize_t expected = PyArray_ITEMSIZE(array)
    cdef unsigned long long seen = 0
    if size == 0:
        return PyArray_DATA(array)
    for other in range(ndim):
        if dims[other] == 1:
            seen |= 1ull << other
    # Peel axes from the fastest: each must start where the block of the faster ones ends.
    while seen != (1ull << ndim) - 1:
        for axis in range(ndim):
            if not (seen >> axis) & 1 and strides[axis] == expected:
                break
        else:
            raise ValueError(f"{name}: expected a dense array, got shape {a.shape} with strides {a.strides}")
        seen |= 1ull << axis
        expected *= dims[axis]
    return PyArray_DATA(array)


cdef void *channels_last(object a, str name, int type_number, Py_ssize_t size,
                         bint writable=False) except? NULL:
    """Pointer to an activation (N, C, *spatial) that is dense with C fastest and N slowest in memory."""
    cdef PyArrayObject *array = as_array(a, name, type_number, size, writable)
    cdef int ndim = PyArray_NDIM(array), axis
    cdef Py_ssize_t *dims = PyArray_DIMS(array)
    cdef Py_ssize_t *strides = PyArray_STRIDES(array)
    cdef Py_ssize_t expected = PyArray_ITEMSIZE(array)
    cdef bint good = True
    if size == 0:
        return PyArray_DATA(array)
    if ndim >= 2:
        good = dims[1] == 1 or strides[1] == expected
        expected *= dims[1]
        for axis in range(ndim - 1, 1, -1):
            good = good and (dims[axis] == 1 or strides[axis] == expected)
            expected *= dims[axis]
    if ndim >= 1:
        good = good and (dims[0] == 1 or strides[0] == expected)
    if not good:
        raise ValueError(f"{name}: expected a channels-last array, got shape {a.shape} with strides {a.strides}")
    return PyArray_DATA(array)


cdef int float_type(object a, str name) except -1:
    """NPY_FLOAT32 or NPY_FLOAT64: which of the two compiled types the array has."""
    cdef int number = PyArray_TYPE(ndarray(a, name))
    if number != NPY_FLOAT32 and number != NPY_FLOAT64:
        raise TypeError(f"{name}: expected float32 or float64, got {a.dtype.str}")
    return number


# --- matrices ---

cdef (Py_ssize_t, Py_ssize_t) matrix_shape(object a, str name) except *:
    """The two lengths of a matrix; indexing the shape of anything else would read beyond it."""
    cdef PyArrayObject *array = ndarray(a, name)
    if PyArray_NDIM(array) != 2:
        raise ValueError(f"{name}: expected a matrix (rows, columns), got shape {a.shape}")
    return PyArray_DIMS(array)[0], PyArray_DIMS(array)[1]


cdef int require_matrix(object a, str name, Py_ssize_t rows, Py_ssize_t cols) except -1:
    """Refuse what is no matrix (rows, cols)."""
    cdef Py_ssize_t n, m
    n, m = matrix_shape(a, name)    # compared as integers: as tuples they would be objects
    if n != rows or m != cols:
        raise ValueError(f"{name}: expected shape ({rows}, {cols}), got {a.shape}")
    return 0


cdef void *matrix(object a, str name, int type_number, Py_ssize_t rows, Py_ssize_t cols,
                  bint writable=False) except? NULL:
    """Pointer to a row-major matrix (rows, cols)."""
    require_matrix(a, name, rows, cols)
    return channels_last(a, name, type_number, rows * cols, writable)


cdef void *turned_matrix(object a, str name, int type_number, Py_ssize_t rows, Py_ssize_t cols,
                         bint writable=False) except? NULL:
    """Pointer to a matrix (rows, cols) that lies in memory as (cols, rows): the weight of a linear layer."""
    require_matrix(a, name, rows, cols)
    return channels_last(a.T, name, type_number, rows * cols, writable)


# --- how arrays lie in memory ---

cdef void row_major(int ndim, int *order) noexcept:
    cdef int axis
    for axis in range(ndim):
        order[axis] = axis


cdef void channels_fastest(int ndim, int *order) noexcept:
    # (N, C, *spatial) with 3 or 4 axes lies in memory as (N, *spatial, C).
    cdef int k
    row_major(ndim, order)
    if ndim == 3 or ndim == 4:
        for k in range(1, ndim - 1):
            order[k] = k + 1
        order[ndim - 1] = 1


cdef bint dense(PyArrayObject *x, const int *order) noexcept:
    """Whether the elements of x fill one block with its axes in `order`; axes of length 1 may have any stride."""
    cdef Py_ssize_t expected = PyArray_ITEMSIZE(x)
    cdef Py_ssize_t *dims = PyArray_DIMS(x)
    cdef Py_ssize_t *strides = PyArray_STRIDES(x)
    cdef int k, axis
    # An array without elements has every order.
    for k in range(PyArray_NDIM(x)):
        if dims[k] == 0:
            return True
    for k in range(PyArray_NDIM(x) - 1, -1, -1):
        axis = order[k]
        if dims[axis] != 1 and strides[axis] != expected:
            return False
        expected *= dims[axis]
    return True


def is_channels_last(x, /):
    """Whether the array `x` is dense, aligned, native and channels-last (row-major unless it has 3 or 4 axes)."""
    if not PyArray_Check(x):
        raise TypeError(f"expected a NumPy array, got {type(x).__name__}")
    cdef PyArrayObject *array = <PyArrayObject *> x
    cdef int order[MAX_AXES]
    if PyArray_NDIM(array) > MAX_AXES:
        return False
    channels_fastest(PyArray_NDIM(array), order)
    return bool(PyArray_ISBEHAVED_RO(array) and dense(array, order))


def alike(x, y, /):
    """Whether the arrays x and y have the same shape, strides and type of numbers, all native and aligned."""
    if not (PyArray_Check(x) and PyArray_Check(y)):
        raise TypeError(f"expected two NumPy arrays, got {type(x).__name__} and {type(y).__name__}")
    cdef PyArrayObject *a = <PyArrayObject *> x
    cdef PyArrayObject *b = <PyArrayObject *> y
    cdef size_t lengths = PyArray_NDIM(a) * sizeof(Py_ssize_t)
    # One comparison for all axes, as the optimiser asks for every parameter at every step. Without axes there is no
    # address to compare at, and memcmp takes no NULL.
    return bool(PyArray_NDIM(a) == PyArray_NDIM(b) and PyArray_TYPE(a) == PyArray_TYPE(b)
                and (lengths == 0 or memcmp(PyArray_DIMS(a), PyArray_DIMS(b), lengths) == 0
                     and memcmp(PyArray_STRIDES(a), PyArray_STRIDES(b), lengths) == 0)
                and PyArray_ISBEHAVED_RO(a) and PyArray_ISBEHAVED_RO(b))


def may_share(result, list values, /):
    """Whether the array `result` may lie in the memory of another: it views an array, or is one of `values`."""
    if not PyArray_Check(result):
        raise TypeError(f"expected a NumPy array, got {type(result).__name__}")
    cdef PyObject *base = PyArray_BASE(<PyArrayObject *> result)
    if base != NULL and PyArray_Check(<object> base):
        return True
    for value in values:
        if value is result:
            return True
    return False
