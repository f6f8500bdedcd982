# Matrices as arguments of the products, and what is true of them whoever multiplies.

from tinydl._core.array cimport PyArray_Check, PyArray_DIMS, PyArray_NDIM, PyArrayObject, channels_last

cdef enum:
    # Rows of a multiple of so many elements lie in the same few cache sets and throw each other out: kernels copy them.
    SHARED = 512
    # Multiply-adds below which a parallel region costs more than it gains.
    SMALL = 65536


cdef inline (Py_ssize_t, Py_ssize_t) shape_of(object a, str name) except *:
    """The two lengths of a matrix; indexing the shape of anything else would read beyond it."""
    if not PyArray_Check(a):
        raise TypeError(f"{name}: expected a NumPy array, got {type(a).__name__}")
    if PyArray_NDIM(<PyArrayObject *> a) != 2:
        raise ValueError(f"{name}: expected a matrix, got shape {a.shape}")
    return PyArray_DIMS(<PyArrayObject *> a)[0], PyArray_DIMS(<PyArrayObject *> a)[1]


cdef inline void *rows_of(object a, str name, int type_number, Py_ssize_t rows, Py_ssize_t cols,
                          bint writable=False) except? NULL:
    """Pointer to a row-major matrix (rows, cols)."""
    if shape_of(a, name) != (rows, cols):
        raise ValueError(f"{name}: expected shape ({rows}, {cols}), got {a.shape}")
    return channels_last(a, name, type_number, rows * cols, writable)


cdef inline void *weight_of(object w, str name, int type_number, Py_ssize_t O, Py_ssize_t K,
                            bint writable=False) except? NULL:
    """Pointer to a weight (O, K) that lies in memory as (K, O)."""
    if shape_of(w, name) != (O, K):
        raise ValueError(f"{name}: expected shape ({O}, {K}), got {w.shape}")
    return channels_last(w.T, name, type_number, O * K, writable)
