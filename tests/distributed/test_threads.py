import tinydl as td
from tinydl import config
from tinydl.distributed.threads import placed, share_cores
from tinydl.testing.ranks import run_ranks


def test_ranks_of_a_host_share_its_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(config, "_default_threads", lambda: 6)
    monkeypatch.setattr(config, "_warned", True)
    before, chosen = td.get_num_threads(), []
    monkeypatch.setattr(config, "set_num_threads", lambda n: chosen.append(n))
    monkeypatch.setattr(config, "get_num_threads", lambda: 6)
    run_ranks(3, share_cores)
    assert sorted(chosen) == [-1, -1, -1, 2, 2, 2]
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    chosen.clear()
    run_ranks(2, share_cores)
    assert chosen == []
    (host, cpus), again = run_ranks(2, placed)[1]
    assert (host, cpus) == again and len(cpus) == config._cpus()
    monkeypatch.undo()
    assert td.get_num_threads() == before
