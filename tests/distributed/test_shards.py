import numpy as np
import pytest

from tinydl.distributed.shards import (
    PairwiseSum,
    bounds,
    covered,
    merged,
    nodes,
    owned,
    row_sum,
    shard_seed,
)


def test_a_batch_is_cut_into_parts_that_differ_by_one_at_most():
    assert [bounds(10, 4, k) for k in range(4)] == [(0, 2), (2, 5), (5, 7), (7, 10)]
    assert [bounds(2, 4, k) for k in range(4)] == [(0, 0), (0, 1), (1, 1), (1, 2)]


def test_ranks_own_neighbours():
    assert [list(owned(6, rank, 3)) for rank in range(3)] == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(ValueError, match="8 shards cannot be shared out evenly by 3 processes; take a number of proc"):
        owned(8, 0, 3)


@pytest.mark.parametrize(("begin", "end", "wanted"), [
    (0, 8, [(3, 0)]), (4, 8, [(2, 1)]), (3, 6, [(0, 3), (1, 2)]), (0, 3, [(1, 0), (0, 2)]), (5, 10, [(0, 5), (1, 3),
                                                                                                   (1, 4)])])
def test_the_nodes_of_a_range(begin, end, wanted):
    assert nodes(begin, end) == wanted


def test_nodes_without_samples():
    assert [covered(2, 4, 0, k) for k in range(4)] == [False, True, False, True]
    assert covered(2, 4, 1, 0) and covered(1, 6, 2, 1) and not covered(1, 6, 2, 0)


def text(a, b):
    return f"({a}{b})"


@pytest.mark.parametrize(("shards", "wanted"), [
    (1, "a"), (2, "(ab)"), (3, "((ab)c)"), (5, "(((ab)(cd))e)"), (6, "(((ab)(cd))(ef))"),
    (8, "(((ab)(cd))((ef)(gh)))")])
def test_the_order_of_the_tree_does_not_depend_on_the_ranks(shards, wanted):
    for size in [n for n in range(1, shards + 1) if shards % n == 0]:
        parts = {}
        for rank in range(size):
            own = owned(shards, rank, size)
            lists = PairwiseSum(own.start, lambda a, b: a.__setitem__(0, text(a[0], b[0])))
            for k in own:
                lists.push(["abcdefgh"[k]])
            assert list(lists.parts()) == nodes(own.start, own.stop)
            parts.update({node: value[0] for node, value in lists.parts().items()})
        assert merged(parts, shards, text) == wanted


def test_shards_without_samples_are_no_zeros():
    sums = PairwiseSum(0, lambda a, b: a.append(b[0]))
    for value in (None, [1], None, None, [2], None):
        sums.push(value)
    assert sums.parts() == {(2, 0): [1], (1, 2): [2]}
    assert merged({(0, 0): None, (0, 1): None}, 2, text) is None


def test_rows_are_added_in_the_same_order():
    rows = np.array([[2.0**53], [1.0], [1.0], [1.0], [1.0]])
    assert row_sum(rows)[0] == ((2.0**53 + 1) + (1.0 + 1.0)) + 1.0


def test_random_numbers_of_shards():
    assert shard_seed(7, 0) == 7
    assert len({shard_seed(7, k) for k in range(1000)}) == 1000
