# What kernels do on the way while they load an operand or store a result, as Python hands it over (the classes) and as
# kernels read it (the structs of src/operands.h). `read_map` and its kin are the one way from a class to its struct.

from tinydl._core.memory cimport Block

cdef extern from "src/operands.h" nogil:
    ctypedef struct td_map:
        const void *centre
        const void *scale
        const void *shift
        Py_ssize_t activation
        double parameter
    ctypedef struct td_pending:
        const void *dz
        const void *y
        td_map mask
        const void *a
        const void *b
        const void *c
    ctypedef struct td_moments:
        const void *about
        const void *saved_x
        td_map mask
        void *out
        Py_ssize_t stride
    ctypedef struct td_epilogue:
        const void *bias
        const void *residual
        Py_ssize_t relu
        td_moments moments
        Py_ssize_t stream
    const void *td_at(const void *p, Py_ssize_t bytes) noexcept
    td_map td_map_from_channel(td_map, Py_ssize_t bytes) noexcept
    td_pending td_pending_from_channel(td_pending, Py_ssize_t bytes) noexcept
    td_epilogue td_epilogue_from_channel(td_epilogue, Py_ssize_t bytes) noexcept
    td_epilogue td_epilogue_from_pixel(td_epilogue, Py_ssize_t bytes) noexcept

cdef extern from "src/bend.h" nogil:
    enum:
        TD_N_ACTIVATIONS
        TD_LEAK
    const char *const *td_activation_names


cdef class Map:
    cdef readonly object scale, shift, centre
    cdef readonly str activation
    cdef readonly double parameter
    cdef Py_ssize_t number      # 0: no activation; else 1 + its row


cdef class Pending:
    cdef readonly object dz, y, a, b, c
    cdef readonly Map mask


cdef class Moments:
    cdef readonly object about, sums


cdef int read_map(Map m, td_map *out, int type_number, Py_ssize_t C, bint any_activation=*) except -1
cdef Block read_repeated_map(Map m, td_map *out, int type_number, Py_ssize_t C, Py_ssize_t L)
cdef int gradient_type(object dy) except -1
cdef int read_gradient(object dy, td_pending *out, int type_number, Py_ssize_t size, Py_ssize_t C,
                       bint any_activation=*) except -1
cdef int read_moments(Moments m, td_moments *out, int type_number, Py_ssize_t n_groups, Py_ssize_t C) except -1
