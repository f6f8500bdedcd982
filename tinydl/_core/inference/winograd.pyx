"""`conv` for 3x3 filters by F(4x4, 3x3): a step whose filters were transformed once."""

from libc.string cimport memset
from tinydl._core.array cimport NPY_FLOAT32, float_type
from tinydl._core.conv.blocks cimport MIN_TILES, WinogradPlan, plan_blocks
from tinydl._core.conv.geometry cimport Geometry, weight
from tinydl._core.conv.winograd cimport (
    BlockOperands, block_scratch, run_block, transform_filters, winograd_geometry,
)
from tinydl._core.inference.program cimport Filters, Step, make_filters, make_step
from tinydl._core.memory cimport Block
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.vector cimport TD_LANES_F

cdef struct WinogradStep:
    WinogradPlan plan
    BlockOperands operands      # without arrays
    Py_ssize_t channels         # output channels of a task
    Py_ssize_t n_parts          # tasks along the output channels


cdef void winograd_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y,
                        const float *residual, float *scratch) noexcept nogil:
    cdef const WinogradStep *step = <const WinogradStep *> state
    # Parts of the output channels vary fastest. Each transforms the tiles of the block for itself.
    cdef Py_ssize_t o = task % step.n_parts * step.channels
    # Copies: other threads take tasks of this step at the same time, on other arrays.
    cdef WinogradPlan plan = step.plan
    cdef BlockOperands operands = step.operands
    # The last chunk may have fewer images than the step was made for.
    plan.N, operands.source.x, operands.y, operands.epilogue.residual = n, x, y, residual
    run_block(&plan, &operands, task // step.n_parts, o, min(plan.O, o + step.channels), scratch)


def winograd_filters(w, bias, /):
    """Filters of `winograd_step`: w IN (O, C, 3, 3) over (3, 3, C, O), bias IN (O,) or None."""
    cdef Py_ssize_t O, C, lanes = TD_LANES_F
    float_type(w, "w")  # an array, or it has no shape
    if w.ndim != 4 or w.shape[2:] != (3, 3):
        raise ValueError(f"winograd_filters: a weight of shape {w.shape}")
    O, C = w.shape[:2]
    cdef float *w_data = <float *> weight(w, "w", NPY_FLOAT32, 9 * C * O)
    cdef Block u = Block(max(1, 36 * C * round_up(O, lanes) * sizeof(float)))
    # By one thread: a network is frozen once.
    transform_filters(w_data, C, O, <float *> u.address, 1)
    return make_filters(u, bias, O, 1, lanes, ("winograd", O, C))


def winograd_step(Filters filters not None, geometry, bint relu, Py_ssize_t min_tasks, /):
    """`conv_step` for 3x3 filters by F(4x4, 3x3); here N, the images that are there at once, counts."""
    cdef Geometry g = winograd_geometry(geometry)
    if filters.shape != ("winograd", g.O, g.C):
        raise ValueError(f"winograd_step: filters of shape {filters.shape} for geometry {geometry}")
    cdef Block state = Block(sizeof(WinogradStep))
    cdef WinogradStep *step = <WinogradStep *> state.address
    cdef WinogradPlan *plan = &step.plan
    cdef Py_ssize_t lanes = TD_LANES_F, panels = ceil_div(g.O, 2 * lanes), blocks
    cdef Py_ssize_t per_image = ceil_div(g.P, 4) * ceil_div(g.Q, 4)
    memset(step, 0, sizeof(WinogradStep))
    # Blocks of at least 2 * MIN_TILES tiles are cut; smaller ones would read all filters for few tiles.
    blocks = max(1, min(min_tasks, g.N * per_image // MIN_TILES))
    plan[0] = plan_blocks(g.N, g.C, g.H, g.W, g.O, g.PH, g.PW, blocks)
    # Channels are cut, in whole panels, where blocks are fewer than the tasks that are asked for.
    step.channels = ceil_div(panels, max(1, min(panels, ceil_div(min_tasks, plan.n_blocks)))) * 2 * lanes
    step.n_parts = ceil_div(g.O, step.channels)
    step.operands.u, step.operands.epilogue.relu = <float *> filters.weights.address, relu
    step.operands.epilogue.bias = NULL if filters.bias is None else filters.bias.address
    # A block is some whole images, or one of the bands of a single image.
    cdef Py_ssize_t bands = plan.n_bands if plan.images == 0 else 1
    cdef Step made = make_step(winograd_task, state, filters, max(1, plan.images), step.n_parts * bands,
                               g.C * g.H * g.W, g.O * g.P * g.Q)
    made.scratch, made.takes_residual = block_scratch(plan), True
    return made
