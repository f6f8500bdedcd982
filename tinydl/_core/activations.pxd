# The loops of src/elementwise.h, each as a pair of pointers, to that of float and that of double. Only activations.pyx
# compiles them; kernels ask for them.

cdef extern from "src/elementwise.h" nogil:
    enum:
        RELU "TD_ACTIVATION_relu"
        TD_N_ACTIVATIONS
    ctypedef void (*td_element_loop)(const void *a, const void *b, void *out, Py_ssize_t n,
                                     double parameter) noexcept nogil
    ctypedef struct td_activation:
        td_element_loop value[2]
        td_element_loop gradient[2]
        int gradient_reads_y
    const char *const *td_activation_names
    const td_activation *td_activations
    const td_element_loop *td_sum

# The loops of the activation that a map names by its number, which is not 0.
cdef const td_activation *activation_of(Py_ssize_t number) noexcept

# The loops that add.
cdef const td_element_loop *adding() noexcept
