"""A pool of aligned blocks for activations, gradients and scratch.

A fresh 8 MB array costs two thousand page faults, worth a good part of a layer. Arrays therefore live in blocks that
return to a free list when their last view dies, so a training step allocates nothing after its first run and memory
stays flat. Blocks that nobody needs any more go back to the system: allocations are counted in windows, several times
as long as there are blocks, so that a step takes every block it needs within one, and what lay idle through two windows
is freed. So is everything idle when blocks of many sizes add up to much more than was ever in use. What is freed and
soon asked for again was freed too early: windows become longer then, and more may lie idle. The GIL is the pool's
lock; a Python without it has one in its place (src/lock.h).
"""

from operator import index

import numpy as np

from libc.stdint cimport uintptr_t
from libc.string cimport memmove, memset
from tinydl._core.array cimport (
    MAX_AXES, NPY_ARRAY_WRITEABLE, Py_INCREF, PyArray_Check, PyArray_DIMS, PyArray_NDIM, PyArray_New,
    PyArray_SetBaseObject, PyArray_STRIDES, PyArray_Type, PyArrayObject, channels_fastest, dense, import_array,
    row_major,
)
from tinydl._core.lock cimport td_give, td_lock, td_renew, td_take

cdef extern from "src/aligned.h" nogil:
    void *td_aligned_alloc(size_t alignment, size_t size) noexcept
    void td_aligned_free(void *block) noexcept
    void td_return_memory() noexcept

import_array()

cdef enum:
    SMALL = 512             # smallest block
    N_CLASSES = 8 * 56
    DEPTH = 64              # blocks kept per size class
    WINDOW = 256            # fewest allocations of a window, and
    PER_BLOCK = 4           # how many there are for each block, times the patience
    MOST_PATIENCE = 8
    SPOILT = 2              # blocks of a class that a test spoils, and
    SPOILT_BYTES = 4096     # how far: the tables of a kernel lie at the begin

cdef size_t RETURNED = 1 << 20  # idle bytes from which on the C library is asked to return them
cdef size_t REGRETTED = 8 << 20  # bytes that were freed and asked for again, from which on patience grows
cdef size_t LARGEST = <size_t> 1 << 58  # the last size class; no address space has that much

cdef struct SizeClass:
    int n
    int idle, idle_before   # least n in this window and in the one before: so many were never taken
    int given_up            # blocks that the pool freed of itself, less those that were asked for again
    void *blocks[DEPTH]     # the last one given back is taken first

# Free blocks by class; bytes of them, bytes in use, and the most that ever were: all to be touched under the lock.
cdef td_lock _lock
cdef SizeClass _free[N_CLASSES]
cdef size_t _cached = 0, _in_use = 0, _peak = 0
cdef Py_ssize_t _n_blocks = 0, _taken = 0  # blocks there are; allocations in this window
cdef size_t _patience = 1, _regretted = 0
memset(_free, 0, sizeof(_free))


cdef inline int _class_of(size_t n) noexcept:
    # Eight classes per power of two: at most 12.5 % of a block is unused.
    cdef int log = 3
    while (n >> (log + 1)) != 0:
        log += 1
    # Blocks of the class have eighth * 2^(log - 3) bytes, eighth from 8 to 15.
    cdef size_t step = <size_t> 1 << (log - 3)
    cdef size_t eighth = (n + step - 1) >> (log - 3)
    # Rounded up to a power of two, which is the first class of the next octave.
    if eighth == 16:
        log += 1
        eighth = 8
    return 8 * (log - 3) + <int> (eighth - 8)


cdef inline size_t _size_of(int size_class) noexcept:
    """Bytes of a block of the class: the most that _class_of sorts into it."""
    return (<size_t> (8 + size_class % 8)) << (size_class // 8)


cdef size_t _free_first(SizeClass *slot, int n, size_t size) noexcept:
    """Give the `n` blocks that were idle longest back to the system; returns their bytes."""
    global _cached, _n_blocks
    cdef int k
    for k in range(n):
        td_aligned_free(slot.blocks[k])
    # The others stay in their order: the last one given back is the one that a cache still holds.
    slot.n -= n
    memmove(slot.blocks, slot.blocks + n, slot.n * sizeof(void *))
    slot.idle, slot.idle_before = max(0, slot.idle - n), max(0, slot.idle_before - n)
    _n_blocks -= n
    _cached -= n * size
    return n * size


cdef void _free_all() noexcept:
    cdef int k
    for k in range(N_CLASSES):
        _free[k].given_up += _free[k].n
        _free_first(&_free[k], _free[k].n, _size_of(k))
    td_return_memory()


def release_cached():
    """Give every unused block back to the system."""
    global _patience, _regretted
    cdef int k
    td_take(&_lock)
    _free_all()
    # Who asks for it starts anew.
    for k in range(N_CLASSES):
        _free[k].given_up = 0
    _patience, _regretted = 1, 0
    td_give(&_lock)


def after_fork_in_child():
    """Nobody holds the child's lock."""
    td_renew(&_lock)


def spoil_cached(int byte, /):
    """Fill the begin of the blocks that are given out next: a kernel that reads what it has not written then shows."""
    cdef int k, n
    td_take(&_lock)
    for k in range(N_CLASSES):
        for n in range(max(0, _free[k].n - SPOILT), _free[k].n):
            memset(_free[k].blocks[n], byte, min(_size_of(k), <size_t> SPOILT_BYTES))
    td_give(&_lock)


cdef void _end_window() noexcept:
    global _taken
    cdef int k, n
    cdef size_t freed = 0
    cdef SizeClass *slot
    for k in range(N_CLASSES):
        slot = &_free[k]
        # A window may begin in mid-step; what a step needs once it has needed within two.
        n = min(slot.idle, slot.idle_before)
        if n:
            freed += _free_first(slot, n, _size_of(k))
            slot.given_up += n
        slot.idle_before, slot.idle = slot.idle, slot.n
    _taken = 0
    # Looking through the heap takes the C library longer than a few pages are worth.
    if freed > RETURNED:
        td_return_memory()


cdef int _larger(int size_class) noexcept:
    # The smallest class with a block to spare, up to four times the size; if there is none nothing stays cached.
    cdef int k
    for k in range(size_class + 1, min(size_class + 17, <int> N_CLASSES)):
        if _free[k].n:
            return k
    _free_all()
    return size_class


cdef bint _is_too_much(size_t size) noexcept:
    """Whether a fresh block would make the pool much larger than what was ever in use: by a quarter, with patience by
    all of it. 32 MB more do no harm.
    """
    return _cached + _in_use + size > _peak + _peak // 4 * min(_patience, <size_t> 4) + (32 << 20)


cdef void _regret(SizeClass *slot, size_t size) noexcept:
    """A block is asked of the system, perhaps for one that was freed: the same happens in each step until less is.

    A step of Muon takes thousands of small blocks while the activations lie idle, and a net whose layers all differ
    has blocks of many sizes that are never in use at once.
    """
    global _patience, _regretted
    if slot.given_up == 0:
        return
    slot.given_up -= 1
    _regretted += size
    if _regretted >= REGRETTED:
        _patience = min(2 * _patience, <size_t> MOST_PATIENCE)
        _regretted = 0


def statistics():
    """Bytes in use, bytes kept for reuse and the largest number of bytes ever in use."""
    td_take(&_lock)
    cdef size_t in_use = _in_use, cached = _cached, peak = _peak
    td_give(&_lock)
    return {"in_use": in_use, "cached": cached, "peak": peak}


cdef void *_taken_block(int *size_class) noexcept:
    """A block of the class, which becomes a larger one where that is what there is; NULL without memory."""
    global _cached, _in_use, _peak, _n_blocks, _taken
    cdef void *address
    cdef size_t size = _size_of(size_class[0])
    cdef SizeClass *slot = &_free[size_class[0]]
    if slot.n == 0 and _is_too_much(size):
        # Much is cached and nothing of it fits: take a larger block rather than grow, or start the cache anew.
        size_class[0] = _larger(size_class[0])
        slot = &_free[size_class[0]]
        size = _size_of(size_class[0])
    if slot.n:
        slot.n -= 1
        slot.idle = min(slot.idle, slot.n)
        address = slot.blocks[slot.n]
        _cached -= size
    else:
        _regret(slot, size)
        # 64 bytes are a cache line and the widest vector.
        address = td_aligned_alloc(64, size)
        # What the system lacks may be what the pool holds.
        if address == NULL:
            _free_all()
            address = td_aligned_alloc(64, size)
        if address == NULL:
            return NULL
        _n_blocks += 1
    _in_use += size
    _peak = max(_peak, _in_use)
    # Counted, not timed: runs of the same calls take and free the same blocks.
    _taken += 1
    if _taken >= max(<Py_ssize_t> WINDOW, PER_BLOCK * <Py_ssize_t> _patience * _n_blocks):
        _end_window()
    return address


cdef class Block:
    """One aligned block; owned by the arrays that view it, recycled when the last one dies."""

    def __cinit__(self, size_t n_bytes):
        if n_bytes <= LARGEST:
            self.size_class = _class_of(n_bytes if n_bytes > SMALL else SMALL)
            td_take(&_lock)
            self.address = _taken_block(&self.size_class)
            td_give(&_lock)
        if self.address == NULL:
            raise MemoryError(f"could not allocate {n_bytes} bytes")

    def __dealloc__(self):
        global _cached, _in_use, _n_blocks
        # __cinit__ raised before there was a block.
        if self.address == NULL:
            return
        cdef size_t size = _size_of(self.size_class)
        cdef SizeClass *slot = &_free[self.size_class]
        td_take(&_lock)
        _in_use -= size
        # What exceeds DEPTH blocks of a size goes back to the system at once.
        if slot.n < DEPTH:
            slot.blocks[slot.n] = self.address
            slot.n += 1
            _cached += size
        else:
            td_aligned_free(self.address)
            _n_blocks -= 1
        td_give(&_lock)

    @property
    def pointer(self):
        """Address of the first byte, a multiple of 64."""
        return <uintptr_t> self.address


def scratch(size_t n_bytes, /):
    """A block of working memory for one kernel call; it returns to the pool when the reference is dropped."""
    return Block(n_bytes)


cdef object _allocate(int ndim, const Py_ssize_t *dims, object dtype, const int *order):
    """An uninitialised array of a pool block, its axes in memory in `order`, slowest first."""
    cdef Py_ssize_t strides[MAX_AXES]
    cdef size_t n_bytes
    cdef Py_ssize_t extent
    cdef int axis, k
    cdef bint is_empty = False
    if not isinstance(dtype, np.dtype):
        dtype = np.dtype(dtype)
    if dtype.hasobject:
        raise TypeError(f"dtype {dtype} holds Python objects")
    if dtype.kind not in "biufc" or not dtype.isnative:
        raise TypeError(f"a block holds numbers in native byte order, got dtype {dtype}")
    cdef int itemsize = dtype.itemsize
    for axis in range(ndim):
        if dims[axis] < 0:
            raise ValueError(f"negative length in shape {shape_of(ndim, dims)}")
        is_empty = is_empty or dims[axis] == 0
    # From the fastest axis on: a stride is the bytes of all faster axes together.
    n_bytes = itemsize
    for k in range(ndim - 1, -1, -1):
        axis = order[k]
        strides[axis] = <Py_ssize_t> n_bytes
        # An empty axis counts as 1, for the limit divides by it; such an array is NumPy's own in the end.
        extent = dims[axis] if dims[axis] else 1
        # Asked before each product, so that none wraps around.
        if n_bytes > (<size_t> 1 << 62) // <size_t> extent:
            raise MemoryError(f"an array of shape {shape_of(ndim, dims)} does not fit the address space")
        n_bytes *= <size_t> extent
    # No elements, no block.
    if is_empty:
        return np.empty(shape_of(ndim, dims), dtype)
    cdef Block block = Block(n_bytes)
    out = PyArray_New(&PyArray_Type, ndim, dims, dtype.num, strides, block.address, itemsize,
                      NPY_ARRAY_WRITEABLE, None)
    Py_INCREF(block)  # PyArray_SetBaseObject steals the reference
    PyArray_SetBaseObject(<PyArrayObject *> out, block)
    return out


cdef tuple shape_of(int ndim, const Py_ssize_t *dims):
    return tuple([dims[axis] for axis in range(ndim)])


cdef int lengths(tuple shape, Py_ssize_t *dims) except -1:
    """Number of axes of `shape`, its lengths in `dims`."""
    cdef int axis, ndim = <int> len(shape)
    if len(shape) > MAX_AXES:
        raise ValueError(f"shape {shape} has more than {MAX_AXES} axes")
    for axis in range(ndim):
        dims[axis] = shape[axis]
    return ndim


cdef inline Py_ssize_t magnitude(Py_ssize_t stride) noexcept:
    """A reversed view has negative strides."""
    return stride if stride >= 0 else -stride


def empty(shape, dtype=np.float32, /):
    """An uninitialised array of logical `shape`; with 3 or 4 axes memory is (N, *spatial, C)."""
    cdef Py_ssize_t dims[MAX_AXES]
    cdef int order[MAX_AXES]
    cdef int ndim = lengths(tuple(shape), dims)
    channels_fastest(ndim, order)
    return _allocate(ndim, dims, dtype, order)


def empty_ordered(shape, dtype, order, /):
    """An uninitialised dense array whose axes lie in memory in `order`, slowest first (None: row-major)."""
    cdef Py_ssize_t dims[MAX_AXES]
    cdef int axes[MAX_AXES]
    cdef int ndim = lengths(tuple(shape), dims), k
    cdef unsigned int seen = 0
    row_major(ndim, axes)
    if order is not None:
        order = tuple([index(axis) for axis in order])
        for k in range(min(ndim, <int> len(order))):
            axes[k] = order[k]
            # A bit for each axis: `order` is a permutation exactly if it has ndim entries and sets all ndim bits.
            if 0 <= axes[k] < ndim:
                seen |= 1u << axes[k]
        if len(order) != ndim or seen != (1ull << ndim) - 1:
            raise ValueError(f"order {order} is no permutation of the axes of shape {shape}")
    return _allocate(ndim, dims, dtype, axes)


def empty_like(x, /):
    """An uninitialised array with the shape, dtype and dense memory order of the array `x`."""
    if not PyArray_Check(x):
        raise TypeError(f"expected a NumPy array, got {type(x).__name__}")
    cdef PyArrayObject *array = <PyArrayObject *> x
    cdef int order[MAX_AXES]
    cdef int ndim = PyArray_NDIM(array), k, j, axis
    cdef Py_ssize_t *strides = PyArray_STRIDES(array)
    if ndim > MAX_AXES:
        raise ValueError(f"shape {x.shape} has more than {MAX_AXES} axes")
    row_major(ndim, order)
    # The two usual orders first. Whatever is dense in neither has its axes sorted by stride.
    if not dense(array, order):
        channels_fastest(ndim, order)
        if not dense(array, order):
            # Axes from the slowest to the fastest.
            row_major(ndim, order)
            for k in range(1, ndim):
                axis, j = order[k], k
                while j > 0 and magnitude(strides[order[j - 1]]) < magnitude(strides[axis]):
                    order[j] = order[j - 1]
                    j -= 1
                order[j] = axis
    return _allocate(ndim, PyArray_DIMS(array), x.dtype, order)
