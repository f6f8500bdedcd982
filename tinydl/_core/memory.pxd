cdef class Block:
    cdef void *address
    cdef int size_class
