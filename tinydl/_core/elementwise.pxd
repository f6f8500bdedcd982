# The loops of src/elementwise.h, each as a pair of pointers, to that of float and that of double.

cdef extern from "src/elementwise.h" nogil:
    enum:
        RELU "TD_ACTIVATION_relu"
        TD_N_ACTIVATIONS
    ctypedef void (*td_element_loop)(const void *a, const void *b, void *out, Py_ssize_t n,
                                     double parameter) noexcept nogil
    ctypedef struct td_activation:
        const char *name
        td_element_loop value[2]
        td_element_loop gradient[2]
    const td_activation *td_activations
    const td_element_loop *td_sum

# The loop of an activation of float32, for a frozen network's step; ValueError for a name that is none.
cdef td_element_loop value_loop(str name) except NULL
