"""Convolution as a step of a program: y = [relu](convolution of x + bias + residual) with filters packed once."""

from libc.string cimport memcpy, memset
from tinydl._core.array cimport NPY_FLOAT32, float_type
from tinydl._core.conv.filters cimport pack_forward, panel_width
from tinydl._core.conv.forward cimport BandOperands, ForwardPlan, forward_band, plan_forward
from tinydl._core.conv.geometry cimport Geometry, is_channelwise, unpack, weight
from tinydl._core.inference.program cimport Filters, Step, make_filters, make_step
from tinydl._core.memory cimport Block
from tinydl._core.rounding cimport ceil_div
from tinydl._core.vector cimport TD_LANES_F

cdef struct ConvStep:
    ForwardPlan plan            # of one image
    BandOperands operands       # without arrays
    Py_ssize_t channels         # output channels of a task: whole panels
    Py_ssize_t n_parts          # tasks along the output channels


cdef void conv_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y, const float *residual,
                    float *slab) noexcept nogil:
    cdef const ConvStep *step = <const ConvStep *> state
    # Parts of the output channels vary fastest: tasks that follow each other read the same rows of x.
    cdef Py_ssize_t o = task % step.n_parts * step.channels, Og = step.plan.g.O // step.plan.g.G
    # A copy: other threads take tasks of this step at the same time, on other arrays.
    cdef BandOperands operands = step.operands
    operands.x, operands.y, operands.epilogue.residual = x, y, residual
    forward_band(&step.plan, &operands, task // step.n_parts, o, min(step.channels, Og - o), slab)


def conv_filters(w, bias, Py_ssize_t n_groups, /):
    """Filters of `conv_step`: w IN (O, C/G, KH, KW) over (KH, KW, C/G, O), bias IN (O,) or None; float32."""
    cdef Geometry g
    cdef Block filters
    memset(&g, 0, sizeof(g))
    float_type(w, "w")  # an array, or it has no shape
    shape = tuple(w.shape)
    if len(shape) not in (3, 4) or n_groups < 1 or shape[0] % n_groups:
        raise ValueError(f"conv_filters: a weight of shape {shape} in {n_groups} groups")
    g.O, g.C, g.G = shape[0], shape[1] * n_groups, n_groups
    # A signal is an image of one row. Packing asks the geometry for no more than this.
    g.KH, g.KW = shape[2:] if len(shape) == 4 else (1, shape[2])
    if is_channelwise(&g):
        # A copy, for a step is a snapshot; no packing, for the kernel reads filters as they lie.
        filters = Block(w.size * sizeof(float))
        memcpy(filters.address, weight(w, "w", NPY_FLOAT32, w.size), w.size * sizeof(float))
        return make_filters(filters, bias, g.C, 1, 1, ("conv", g.O, 1, g.KH, g.KW, g.G))
    cdef float *w_data = <float *> weight(w, "w", NPY_FLOAT32, w.size)
    cdef Py_ssize_t lanes = TD_LANES_F, Og = g.O // g.G, width = panel_width(Og, lanes), block
    cdef Block panels = Block(max(1, g.KH * g.KW * shape[1] * g.G * width * sizeof(float)))
    # All groups' panels one after another; lanes beyond a group's last channel are zero.
    for block in range(g.G * ceil_div(Og, 2 * lanes)):
        pack_forward(w_data, <float *> panels.address, &g, block)
    return make_filters(panels, bias, g.O, g.G, lanes, ("conv", g.O, shape[1], g.KH, g.KW, g.G))


def conv_step(Filters filters not None, geometry, bint relu, Py_ssize_t min_tasks, /):
    """A `Step`: y = [relu](convolution of x + bias + residual) for images of `geometry`, whose N does not count.

    An image is cut into at least `min_tasks` tasks where it has so many rows.
    """
    cdef Block state = Block(sizeof(ConvStep)), taps
    cdef ConvStep *step = <ConvStep *> state.address
    cdef Geometry *g = &step.plan.g
    cdef Py_ssize_t lanes = TD_LANES_F, panels
    memset(step, 0, sizeof(ConvStep))
    g[0] = unpack(geometry)
    if filters.shape != ("conv", g.O, g.C // g.G, g.KH, g.KW, g.G):
        raise ValueError(f"conv_step: filters of shape {filters.shape} for geometry {geometry}")
    # Planned for one image, which the number of the task then names.
    g.N = 1
    taps = Block((g.KH * g.KW + 1) * sizeof(Py_ssize_t))
    step.operands.panels, step.operands.epilogue.relu = filters.weights.address, relu
    step.operands.epilogue.bias = NULL if filters.bias is None else filters.bias.address
    # Output channels are cut first: bands of rows read their neighbours' rows again.
    panels = ceil_div(g.O // g.G, 2 * lanes)
    step.channels = ceil_div(panels, max(1, min(panels, min_tasks))) * 2 * lanes
    step.n_parts = ceil_div(g.O // g.G, step.channels)
    plan_forward(&step.plan, <Py_ssize_t *> taps.address, False, sizeof(float), ceil_div(min_tasks, step.n_parts))
    # The cut follows from shape and min_tasks, never from the threads that take the tasks.
    cdef Step made = make_step(conv_task, state, (filters, taps), 1,
                               step.plan.n_row_bands * step.plan.n_col_bands * step.n_parts, g.C * g.H * g.W,
                               g.O * g.P * g.Q)
    made.scratch, made.takes_residual = step.plan.slab, True
    return made
