"""The loops over elements: activations, their gradients and a sum.

They are compiled here, once for an ISA level, and kernels call them through the table's pointers: a map may end in
any activation, and a frozen network in any of them too.
"""


cdef const td_activation *activation_of(Py_ssize_t number) noexcept:
    return &td_activations[number - 1]


cdef const td_element_loop *adding() noexcept:
    return td_sum
