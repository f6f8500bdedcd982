"""The block pool: alignment, memory orders, reuse, flat memory, shapes that must be refused."""

import gc

import numpy as np
import pytest

from tinydl._core import memory

_others = 0  # bytes that arrays of other test modules hold


@pytest.fixture(autouse=True, scope="module")
def _short_collections():
    """What the other modules hold is looked through once, not before each test."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _quiet():
    global _others
    gc.collect()
    memory.release_cached()
    _others = memory.statistics()["in_use"]


def in_use():
    return memory.statistics()["in_use"] - _others


# --- arrays ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int64, "f4"])
@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 3, 4), (2, 3, 4, 5), (1, 1, 1, 1), (2,) * 5, (), (1000, 33)])
def test_arrays_are_ordinary_arrays(shape, dtype):
    a = memory.empty(shape, dtype)
    assert type(a) is np.ndarray and a.shape == shape and a.dtype == np.dtype(dtype)
    assert a.flags.writeable and a.flags.aligned and not a.flags.owndata
    a[...] = 7
    assert (a == 7).all() and a.sum() == 7 * a.size


@pytest.mark.parametrize("n", [1, 2, 15, 511, 512, 513, 4096, 100_000, 3_000_001])
def test_blocks_start_at_cache_lines(n):
    assert memory.empty((n,), np.uint8).ctypes.data % 64 == 0
    assert memory.scratch(n).pointer % 64 == 0


def test_three_and_four_axes_are_channels_last():
    assert memory.empty((2, 3, 4, 5), np.float32).transpose(0, 2, 3, 1).flags.c_contiguous
    assert memory.empty((2, 3, 4), np.float32).transpose(0, 2, 1).flags.c_contiguous
    assert memory.empty((2, 3), np.float32).flags.c_contiguous
    assert memory.empty((2, 3, 4, 5, 6), np.float32).flags.c_contiguous


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), None])
def test_any_order(order):
    a = memory.empty_ordered((2, 3, 4), np.float64, order)
    assert a.shape == (2, 3, 4)
    assert a.transpose(order or (0, 1, 2)).flags.c_contiguous


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0, 4), (2, 3, 0, 5), (0, 2**40, 5)])
def test_empty_arrays(shape):
    a = memory.empty(shape, np.float32)
    assert a.shape == shape and a.size == 0
    assert in_use() == 0


def test_arrays_do_not_overlap():
    arrays = [memory.empty((n, 3), np.float32) for n in range(1, 300, 7) for _ in range(3)]
    for i, a in enumerate(arrays):
        a[...] = i
    assert all((a == i).all() for i, a in enumerate(arrays))


# --- refused ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(-1,), (3, -2), (2, -1, 3, 4), (-5, 0)])
def test_negative_lengths_are_refused(shape):
    with pytest.raises(ValueError, match="negative"):
        memory.empty(shape, np.float32)


@pytest.mark.parametrize("shape", [(2**62,), (2**61, 1), (2**31, 2**31), (2**20, 2**20, 2**20), (2**62, 2**62),
                                   (2**63 - 1,), (3, 2**61), (2**16,) * 4, (2**58,)])
def test_shapes_beyond_the_address_space_are_memory_errors(shape):
    with pytest.raises(MemoryError):
        memory.empty(shape, np.float64)
    assert in_use() == 0


def test_lengths_beyond_64_bits_are_refused():
    with pytest.raises(OverflowError):
        memory.empty((2**64,), np.float32)


@pytest.mark.parametrize("size", [2**62, 2**63, 2**64 - 1])
def test_huge_scratch_is_a_memory_error(size):
    with pytest.raises(MemoryError):
        memory.scratch(size)
    assert in_use() == 0


def test_objects_and_odd_shapes_are_refused():
    with pytest.raises(TypeError, match="Python objects"):
        memory.empty((3,), object)
    with pytest.raises(TypeError):
        memory.empty((1.5,), np.float32)
    with pytest.raises(TypeError):
        memory.empty((3,), "no such type")
    with pytest.raises(ValueError, match="32 axes"):
        memory.empty((1,) * 33, np.float32)


@pytest.mark.parametrize("order", [(0, 1), (0, 1, 1), (0, 1, 3), (0, 1, -1), (0, 1, 2, 2)])
def test_orders_that_are_no_permutation_are_refused(order):
    with pytest.raises((ValueError, IndexError, TypeError)):
        memory.empty_ordered((2, 3, 4), np.float32, order)


# --- reuse -----------------------------------------------------------------------------------------------------------

def test_a_block_lives_as_long_as_its_last_view():
    a = memory.empty((100, 100), np.float32)
    a[...] = 3
    view = a[10:20, ::2].T
    before = in_use()
    del a
    gc.collect()
    assert in_use() == before > 0
    other = memory.empty((100, 100), np.float32)
    other[...] = 5
    assert (view == 3).all()
    del view, other
    gc.collect()
    assert in_use() == 0


def test_blocks_are_used_again():
    a = memory.empty((1000, 1000), np.float32)
    address = a.ctypes.data
    del a
    assert memory.statistics()["cached"] > 4_000_000
    assert memory.empty((999, 1000), np.float32).ctypes.data == address


def test_at_most_an_eighth_of_a_block_is_unused():
    for n in (513, 1000, 4097, 100_001, 7_654_321):
        block = memory.scratch(n)
        assert n <= in_use() <= n * 1.126
        del block


def test_release_gives_everything_back():
    arrays = [memory.empty((n, 1000), np.float32) for n in range(1, 50)]
    assert memory.statistics()["cached"] == 0
    del arrays
    assert memory.statistics()["cached"] > 0 and in_use() == 0
    memory.release_cached()
    assert memory.statistics()["cached"] == 0


def test_memory_stays_flat_over_many_steps():
    def step():
        layers = [memory.empty((16, 8, 30, 30), np.float32) for _ in range(8)]
        return layers[-1][0, 0, 0, 0]

    step()
    total = sum(memory.statistics()[k] for k in ("in_use", "cached"))
    for _ in range(1000):
        step()
    assert sum(memory.statistics()[k] for k in ("in_use", "cached")) == total


def test_steps_of_many_sizes_find_their_blocks_again():
    largest = max(memory.statistics()["peak"], 64 << 20)
    sizes = [largest * k // 24 for k in (24, 13, 23, 14, 22, 15, 21, 16, 20, 17, 19, 18)]

    def held():
        return sum(memory.statistics()[k] for k in ("in_use", "cached"))

    for _ in range(2):
        for size in sizes:
            memory.scratch(size)
    settled = held()
    assert settled < 2 * largest + (64 << 20)
    for size in sizes:
        block = memory.scratch(size)
        assert held() == settled
        del block


def test_blocks_that_are_never_in_use_at_once_stay_after_a_few_steps():
    """Together twice what is ever in use: to free them again and again costs a step its page faults."""
    memory.release_cached()
    largest = 128 << 20
    while largest < memory.statistics()["peak"]:
        largest *= 2

    def step(mark):
        found = []
        for n in (1, 8):
            arrays = [memory.empty((largest // n // 4,), np.float32) for _ in range(n)]
            found += [float(a[-1]) for a in arrays]
            for k in range(n):
                arrays[k][-1] = mark
            del arrays
        return found

    for mark in range(1, 6):
        step(mark)
    for mark in range(6, 10):
        assert step(mark) == [mark - 1] * 9  # what comes from the system is 0
    memory.release_cached()


def test_memory_stays_bounded_over_changing_sizes():
    largest = 0
    for n in range(1, 400):
        arrays = [memory.empty((n, 40_000), np.float32), memory.empty((n, 10_000), np.float32)]
        largest = max(largest, sum(a.nbytes for a in arrays))
        del arrays
        statistics = memory.statistics()
        assert statistics["in_use"] + statistics["cached"] <= 2 * max(statistics["peak"], largest) + (33 << 20)


def test_many_blocks_of_one_size_are_not_all_kept():
    arrays = [memory.empty((1000,), np.float32) for _ in range(1000)]
    del arrays
    assert memory.statistics()["cached"] <= 64 * 4096 * 1.2


def test_what_nobody_needs_any_more_is_given_back():
    def batch(n):
        return [memory.empty((n, 1000 + k), np.float32) for k in range(5)]

    batch(4)
    needed = memory.statistics()["cached"]
    batch(4000)
    assert memory.statistics()["cached"] > 500 * needed
    for _ in range(5000):  # a window is as long as there are blocks, those of other tests among them
        batch(4)
    assert memory.statistics()["cached"] == needed


@pytest.mark.parametrize("n", [5, 60, 400])
def test_a_step_finds_all_its_blocks_again_however_many(n):
    def step():
        arrays = [memory.empty((1 + k % 7, 1000 + 500 * k), np.float32) for k in range(n)]
        return {a.ctypes.data for a in arrays}

    first = step()
    held = memory.statistics()["cached"]
    for _ in range(2000 // n):
        assert step() == first
        assert memory.statistics()["cached"] == held


@pytest.mark.parametrize("dtype", [np.dtype([("a", "f4"), ("b", "i4")]), ">f4", ">i8", "S4", "U2", "M8[s]", "V8"])
def test_blocks_hold_numbers_in_native_order(dtype):
    for make in (lambda: memory.empty((2, 3), dtype), lambda: memory.empty_ordered((2, 3), dtype, None)):
        with pytest.raises(TypeError, match="numbers in native byte order, got dtype"):
            make()
