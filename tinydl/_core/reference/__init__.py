"""The NumPy twin of every kernel: one module per family, the same functions with the same arguments.

A twin is the specification of its kernel and the oracle of its tests. It computes in float64 whatever the type of its
arrays and rounds once when it writes, so that the difference between the two is the kernel's error. Nothing here is
fast, and `n_threads` is ignored.
"""

__all__: list[str] = []  # of names: the modules have them
