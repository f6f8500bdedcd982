# What the step of frozen networks takes from the forward pass.

from tinydl._core.array cimport real
from tinydl._core.conv.geometry cimport Geometry
from tinydl._core.operands cimport td_epilogue, td_map
from tinydl._core.strip cimport td_rectangle

# How a batch is cut into bands, each of which is a task.
cdef struct ForwardPlan:
    Geometry g
    td_rectangle pixels                 # steps and taps of a band's pixels
    Py_ssize_t band_rows, band_cols     # output rows and columns of a band
    Py_ssize_t n_row_bands, n_col_bands
    Py_ssize_t row_elements             # of the (copied) input
    bint copies                         # whether rows are copied: padding or a map
    Py_ssize_t slab                     # elements of scratch a thread

# Arrays of the whole batch. `epilogue.bias` is laid out as the panels, which of
# a depthwise convolution are its filters (KH*KW, C); `epilogue.moments.out` is (N, bands, 2, O).
cdef struct BandOperands:
    const void *x
    const void *panels
    void *y
    td_map on_x
    td_epilogue epilogue

cdef void plan_forward(ForwardPlan *plan, Py_ssize_t *taps, bint maps, Py_ssize_t itemsize,
                       Py_ssize_t min_tasks) noexcept
cdef void forward_band(const ForwardPlan *plan, const BandOperands *b, Py_ssize_t band, Py_ssize_t o, Py_ssize_t n,
                       real *slab) noexcept nogil
