# Checked arrays as raw pointers (array.pyx), and what of NumPy's C interface kernels call themselves.

# Cython's own cpython.object would be read anew for each module, with much that none needs.
cdef extern from "Python.h":
    ctypedef struct PyObject:
        pass
    void Py_INCREF(object)

cdef extern from "numpy/arrayobject.h":
    ctypedef struct PyArrayObject:
        pass
    int PyArray_TYPE(PyArrayObject *) noexcept nogil
    int PyArray_NDIM(PyArrayObject *) noexcept nogil
    Py_ssize_t *PyArray_DIMS(PyArrayObject *) noexcept nogil
    Py_ssize_t *PyArray_STRIDES(PyArrayObject *) noexcept nogil
    void *PyArray_DATA(PyArrayObject *) noexcept nogil
    bint PyArray_ISBEHAVED_RO(PyArrayObject *) noexcept nogil
    bint PyArray_ISWRITEABLE(PyArrayObject *) noexcept nogil
    PyObject *PyArray_BASE(PyArrayObject *) noexcept
    enum:
        NPY_ARRAY_WRITEABLE
        NPY_BOOL
        NPY_INT8
        NPY_UINT8
        NPY_INT32
        NPY_INT64
        NPY_FLOAT32
        NPY_FLOAT64

# A module that calls one of these begins with `import_array()`, which fills a table of functions of its own: without it
# they crash, and ITEMSIZE reads the wrong field. What is above reads the fields of an array and needs no table.
cdef extern from "numpy/arrayobject.h":
    int import_array "_import_array"() except -1
    bint PyArray_Check(object)
    int PyArray_ITEMSIZE(PyArrayObject *) noexcept nogil
    bint PyArray_EquivTypenums(int, int) noexcept
    object PyArray_TypeObjectFromType(int)
    # What makes an array of memory that it does not own.
    ctypedef struct PyTypeObject:
        pass
    PyTypeObject PyArray_Type
    object PyArray_New(PyTypeObject *, int, const Py_ssize_t *, int, Py_ssize_t *, void *, int, int, object)
    int PyArray_SetBaseObject(PyArrayObject *, object) except -1

cdef enum:
    MAX_AXES = 32   # a bit each; NumPy's own limit was 32 before it became 64

ctypedef fused real:
    float
    double


cdef PyArrayObject *ndarray(object a, str name) except NULL
cdef PyArrayObject *as_array(object a, str name, int type_number, Py_ssize_t size, bint writable) except NULL
cdef void *data(object a, str name, int type_number, Py_ssize_t size, bint writable=*) except? NULL
cdef void *channels_last(object a, str name, int type_number, Py_ssize_t size, bint writable=*) except? NULL
cdef int float_type(object a, str name) except -1
cdef (Py_ssize_t, Py_ssize_t) matrix_shape(object a, str name) except *
cdef void *matrix(object a, str name, int type_number, Py_ssize_t rows, Py_ssize_t cols,
                  bint writable=*) except? NULL
cdef void *turned_matrix(object a, str name, int type_number, Py_ssize_t rows, Py_ssize_t cols,
                         bint writable=*) except? NULL
cdef void row_major(int ndim, int *order) noexcept
cdef void channels_fastest(int ndim, int *order) noexcept
cdef bint dense(PyArrayObject *x, const int *order) noexcept
