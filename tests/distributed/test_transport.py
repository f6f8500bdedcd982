import numpy as np
import pytest

from tinydl.distributed import transport as module
from tinydl.distributed.transport import Alone, communicator, launched


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    for rank, size in module._LAUNCHERS:
        monkeypatch.delenv(rank, raising=False)
        monkeypatch.delenv(size, raising=False)


@pytest.mark.parametrize(("rank", "size"), module._LAUNCHERS)
def test_what_launchers_say(monkeypatch, rank, size):
    assert launched() is None and isinstance(communicator(), Alone)
    monkeypatch.setenv(rank, "2")
    assert launched() is None
    monkeypatch.setenv(size, "4")
    assert launched() == (2, 4)
    monkeypatch.setenv(size, "1")
    assert launched() is None


def test_one_process_talks_to_itself():
    comm = Alone()
    assert comm.first and comm.gather(3) == [3] and comm.share("x") == "x"
    rows, received = np.array([[1.0, 2.0]]), np.zeros((1, 2))
    assert comm.gather_rows(rows).tolist() == [[1, 2]]
    comm.exchange(rows, received)
    comm.collect(received)
    comm.add_up(received)
    assert received.tolist() == [[1, 2]]
    with pytest.raises(SystemExit):
        comm.abort(3)


def test_anything_else_is_refused():
    comm = Alone()
    assert communicator(comm) is comm
    with pytest.raises(TypeError, match="comm must be a communicator of mpi4py, or None .*, got 4"):
        communicator(4)
