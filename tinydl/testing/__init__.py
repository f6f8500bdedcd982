"""Tools for testing: the shapes that tests and benchmarks share, comparisons that NaN fails, gradient checks."""
