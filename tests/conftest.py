"""Settings of a test run, made before NumPy is imported."""

import os

# The references compute with NumPy. Its BLAS threads and OpenMP's would fight for the cores: thirty times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
