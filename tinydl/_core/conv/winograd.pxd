# What the backward pass and the step of frozen networks take from Winograd's forward pass.

from tinydl._core.conv.blocks cimport Source, WinogradPlan
from tinydl._core.conv.geometry cimport Geometry
from tinydl._core.operands cimport td_epilogue

# Arrays of the whole batch. `epilogue.bias` is whole vectors; `epilogue.moments.out` is (N, 2, O), or where blocks are
# bands (N, n_bands, 2, O).
cdef struct BlockOperands:
    Source source
    const float *u              # transformed filters
    float *y
    td_epilogue epilogue

cdef Geometry winograd_geometry(geometry) except *
cdef Py_ssize_t block_scratch(const WinogradPlan *p) noexcept
cdef void transform_filters(const float *w, Py_ssize_t C, Py_ssize_t O, float *u, int n_threads) noexcept nogil
cdef void transform_filters_back(const float *w, Py_ssize_t C, Py_ssize_t O, float *u, int n_threads) noexcept nogil
cdef void run_block(const WinogradPlan *p, const BlockOperands *b, Py_ssize_t block, Py_ssize_t o, Py_ssize_t stop,
                    float *scratch) noexcept nogil
cdef void block_task(const WinogradPlan *p, const BlockOperands *b, Py_ssize_t block, float *scratch) noexcept nogil
cdef void run_blocks(const WinogradPlan *p, BlockOperands *b, float *parts, float *scratch, Py_ssize_t per_thread,
                     int n_threads) noexcept nogil
