import numpy as np

from tinydl.testing.ranks import run_ranks


def test_ranks_talk_in_order():
    def talk(comm):
        pieces, received = np.full((3, 2), 10.0 * comm.rank) + np.arange(3)[:, None], np.zeros((3, 2))
        comm.exchange(pieces, received)
        total = np.full(2, comm.rank + 1.0)
        comm.add_up(total)
        own = np.zeros((3, 1))
        own[comm.rank] = comm.rank + 5
        comm.collect(own)
        return (comm.gather(comm.rank), comm.share(comm.rank), received[:, 0].tolist(), total.tolist(),
                own.ravel().tolist(), comm.gather_rows([[comm.rank]]).ravel().tolist())

    for rank, each in enumerate(run_ranks(3, talk)):
        assert each == ([0, 1, 2], 0, [rank, 10 + rank, 20 + rank], [6, 6], [5, 6, 7], [0, 1, 2])


def test_a_rank_that_ends_ends_the_others():
    def work(comm):
        if comm.rank:
            raise ValueError("mine")
        comm.gather(1)

    first, second = run_ranks(2, work)
    assert "another rank has ended" in str(first) and str(second) == "mine"
