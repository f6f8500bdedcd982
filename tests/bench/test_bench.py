"""The bench: its networks are those of `tinydl.models`, peers answer, tables follow from result files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "bench").exists():
    pytest.skip("the bench is not part of this tree", allow_module_level=True)
sys.path.append(str(ROOT))

from bench import harness, report, run  # noqa: E402 - the path comes first
from bench.compare import driver  # noqa: E402
from bench.compare.driver import PeerError, Worker, in_turn  # noqa: E402
from bench.networks import walk  # noqa: E402
from bench.networks.table import NETWORKS  # noqa: E402


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_those_of_models(name):
    from tinydl import models

    net = NETWORKS[name]
    assert sum(walk.layer_macs(net)) == net.macs
    parameters = list(getattr(models, name)().parameters())
    assert [p.shape for p in parameters] == [w.shape for w in walk.weights(net)]
    assert [p.requires_grad for p in parameters] == walk.trained(net)


def test_step_flops():
    # mlp: 2 * 64 * (3 * 203264 - 200704)
    assert walk.step_flops(NETWORKS["mlp"], 64) == 52_363_264
    # airbench: the first layer, 31*31*24*12 multiply-adds, has no gradient but that of its bias
    assert walk.step_flops(NETWORKS["airbench"], 1) == 2 * (3 * 118_147_360 - 2 * 31 * 31 * 24 * 12)


def test_a_worker_trains_and_infers():
    worker = Worker("tinydl", sys.executable, 1)
    try:
        values = worker.ask("build", net="mlp", batch=4, mode="train")["values"]
        assert len(values) == 3
        assert values[2] < values[0]
        taken = in_turn([worker], 2, 0.01)["tinydl"]
        assert len(taken) == 2
        assert min(taken) > 0
        logits = worker.ask("build", net="mlp", batch=4, mode="infer")["values"][0]
        assert np.isfinite(logits)
        with pytest.raises(PeerError, match="KeyError: 'no_such_net'"):
            worker.ask("build", net="no_such_net", batch=4, mode="train")
        assert worker.ask("memory")["rss_mb"] > 0
    finally:
        worker.close()


def test_a_peer_that_does_not_start_is_left_out():
    said = []
    assert driver.start_all(["tf"], {"tf": "/nonexistent/python"}, 1, said.append) == []
    assert said[0].startswith("  without tf: ")


ROWS = [{"net": "mlp", "batch": 64, "mode": "train", "threads": 1, "system": name, "version": "1", "ms": ms,
         "gflops": 5.0} for name, ms in (("tinydl", 2.0), ("torch", 5.0), ("jax", 1.0))]
FACTS = {"cpu": "A CPU", "cpus": 2, "isa_level": "v4", "revision": "abc", "flags": []}


def test_ratios_and_table():
    assert report.ratios(ROWS) == {("mlp", 64, 1): {"tinydl": 1.0, "torch": 2.5, "jax": 0.5}}
    assert "| mlp (64)    |       1 |      2.00 |       5 | 2.50x | 0.50x |" in report.network_table(ROWS)


def test_marked_tables_are_replaced_and_stay():
    results = {"networks": {"date": "2025-01-01", "machine": FACTS, "rows": ROWS}}
    text = "before\n<!-- bench:networks -->\nold\n<!-- /bench -->\nafter <!-- bench:memory -->\nkept\n<!-- /bench -->\n"
    filled = report.fill(text, results)
    assert "old" not in filled
    assert "2.50x" in filled
    assert "kept" in filled
    assert "A CPU, 2 CPUs, level v4, revision abc, 2025-01-01; beside torch 1, jax 1." in filled
    assert report.fill(filled, results) == filled


def test_chart(tmp_path):
    pytest.importorskip("matplotlib")
    assert report.chart(ROWS, tmp_path / "bars.png", FACTS)
    assert (tmp_path / "bars.png").stat().st_size > 1000
    assert not report.chart(ROWS[:1], tmp_path / "none.png", FACTS)


def test_the_guard_sees_a_loss():
    def rows(*shares):
        return [{"kernel": "k", "name": f"n{k}", "threads": 1, "share": s, "best_share": s,
                 "limit": "FMA peak"}
                for k, s in enumerate(shares)]

    baseline = {"kernels": {"rows": rows(0.8, 0.8, 0.8)}}
    found = run.losses(rows(0.73, 0.70, float("nan"), 0.1), baseline)
    assert [row["name"] for row, *_ in found] == ["n1", "n2"]


@pytest.mark.parametrize(("later", "expected"), [(0.75, True), (0.65, False)])
def test_the_guard_measures_again_before_it_complains(later, expected, tmp_path, monkeypatch, capsys):
    def row(share):
        return {"kernel": "k", "name": "n", "threads": 1, "share": share, "best_share": share, "limit": "FMA peak"}

    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({"kernels": {"machine": run.machine(), "rows": [row(0.8)]}}))
    monkeypatch.setattr(run, "kernels", lambda *_: [row(later)])
    args = type("Args", (), {"check": path})
    assert run.check(args, [row(0.6)]) is expected
    assert ("LOST" in capsys.readouterr().out) is not expected


def test_parts_are_kept_apart(tmp_path):
    path = tmp_path / "results" / "r.json"
    harness.save_part(path, "networks", ROWS, FACTS)
    harness.save_part(path, "memory", [], FACTS)
    harness.save_part(path, "networks", ROWS[:1], FACTS)
    whole = json.loads(path.read_text())
    assert set(whole) == {"networks", "memory"}
    assert len(whole["networks"]["rows"]) == 1
    assert [p.name for p in path.parent.iterdir()] == ["r.json"]


def test_no_table_stands_in_two_documents():
    names = [match[2] for path in report.FILES for match in report.MARKED.finditer(path.read_text())]
    assert len(names) == len(set(names))
    assert set(names) <= set(report.TABLES)


def test_kept_tables_are_up_to_date():
    if not report.REFERENCE.exists():
        pytest.skip("no reference results are kept yet")
    done = subprocess.run([sys.executable, str(ROOT / "bench/report.py"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("arguments", "message"), [
    (["kernel"], "unknown part kernel; known: kernels, networks"),
    (["--peers", "mxnet"], "unknown: mxnet; known: torch"),
    (["--threads", "0"], "must be at least 1"),
    (["--peer-python", "torch"], "expected NAME=PATH"),
    (["--check", "/nonexistent.json"], "does not exist: make it with --save-baseline"),
    (["--save-baseline", "--only", "3x3"], "keeps all kernels: leave --only out"),
])
def test_bad_command_lines(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        run.command_line()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_the_guard_measures_kernels_bound_by_memory_by_the_clock_too():
    def row(ms, peak, share=2.0):
        return {"kernel": "k", "name": "n", "threads": 1, "limit": "memory", "share": share, "best_share": share,
                "ms": ms, "best_ms": ms, "peak_gflops": peak}

    baseline = {"kernels": {"rows": [row(1.0, 200.0)]}}
    assert run.losses([row(1.25, 160.0, share=1.5)], baseline) == []    # a slower clock, all else alike
    assert run.losses([row(1.00, 200.0, share=1.5)], baseline) == []    # a memory that is faster than it was
    assert len(run.losses([row(1.25, 200.0, share=1.6)], baseline)) == 1


def test_the_budget_counts_what_a_step_computes():
    done = subprocess.run([sys.executable, str(ROOT / "bench/networks/budget.py"), "--threads", "1"], check=True,
                          capture_output=True, text=True,
                          env={**driver.environment(1), "TINYDL_BENCH_NETS": '["mlp", "lenet5"]'})
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for net in ("mlp", "lenet5"):
        own = [row for row in rows if row["net"] == net]
        assert sum(row["gflop"] for row in own) == pytest.approx(walk.step_flops(NETWORKS[net], 64) / 1e9)
        assert all(row["mbytes"] > 0 and row["ms"] > 0 and row["limit_ms"] > 0 for row in own)
    assert "| linear_forward 256x784" in report.budget_table(rows)


def test_another_python_does_not_find_this_tinydl(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert driver.environment(1)["PYTHONPATH"] == str(ROOT)
    assert "PYTHONPATH" not in driver.environment(1, "/elsewhere/bin/python")


def test_kernels_of_two_revisions_in_turn():
    """This one beside itself."""
    script = ROOT / "bench/kernels/pair.py"
    run_ = subprocess.run([sys.executable, script, sys.executable, ROOT, "--rounds", "2", "--seconds", "0", "--only",
                           "lenet5.conv2 conv_"], capture_output=True, text=True, check=False)
    assert run_.returncode == 0, run_.stderr
    rows = [line.split("|")[1:-1] for line in run_.stdout.splitlines()[2:] if line.startswith("|")]
    assert {row[0].strip() for row in rows} == {"conv_forward", "conv_backward_input", "conv_backward_weight"}
    assert all(float(row[-1]) > 0 for row in rows)
    assert f"median ratio of {len(rows)} kernels" in run_.stdout
