import pytest

from tinydl.distributed.failing import RankError, agreed_error, leaving_together
from tinydl.distributed.transport import Alone
from tinydl.testing.ranks import run_ranks


def test_the_error_of_one_rank_is_that_of_all():
    class Own(Exception):
        pass

    def met(comm):
        return agreed_error(comm, {1: ValueError("five"), 2: KeyError("x")}.get(comm.rank))

    errors = run_ranks(3, met)
    assert [type(error) for error in errors] == [ValueError] * 3 and {str(error) for error in errors} == {"five"}
    assert all(error.shared for error in errors)
    first, second = run_ranks(2, lambda comm: agreed_error(comm, None if comm.rank else Own("odd")))
    assert isinstance(first, Own) and isinstance(second, RankError) and str(second) == "rank 0: Own: odd"
    assert agreed_error(Alone(), None) is None


def test_an_error_of_one_process_is_its_own():
    with pytest.raises(ValueError, match="mine"), leaving_together(Alone()):
        raise ValueError("mine")
