# What a frozen network's step asks of the activations.

from tinydl._core.activations cimport td_element_loop

# The loop of an activation of float32; ValueError for a name that is none.
cdef td_element_loop value_loop(str name) except NULL
