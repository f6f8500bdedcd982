# What the step of frozen networks takes from the matrix kernels.

cdef enum:
    SHARED = 512        # rows of a multiple of this would share a few cache sets: they are copied

cdef (Py_ssize_t, Py_ssize_t) shape_of(object a, str name) except *
cdef void *matrix(object a, str name, int t, Py_ssize_t rows, Py_ssize_t cols, bint transposed=*,
                  bint writable=*) except? NULL
