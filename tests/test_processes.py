"""Fork, spawn, joblib, threads and other libraries in one process: what the reliability contract says of them."""

import subprocess
import sys
import sysconfig
import textwrap

import pytest

SETUP = """
import numpy as np
import tinydl as td
td.set_num_threads(2)

def step(seed=0):
    td.manual_seed(seed)
    net = td.nn.Sequential(td.nn.Conv2d(3, 32, 3, padding=1), td.nn.BatchNorm2d(32), td.nn.ReLU(),
                           td.nn.Conv2d(32, 32, 3, padding=1), td.nn.ReLU(), td.nn.Flatten(), td.nn.Linear(8192, 10))
    x = np.random.default_rng(0).standard_normal((16, 3, 16, 16)).astype(np.float32)
    loss = td.nn.CrossEntropyLoss()(net(x), np.arange(16) % 10)
    loss.backward()
    return float(loss.item()), float(net[0].weight.grad.sum())

expected = step()
"""


def run(code, timeout=120):
    program = textwrap.dedent(SETUP) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork on this platform")
def test_a_forked_child_computes_the_same_and_the_parent_goes_on():
    run("""
        import os
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                os._exit(0 if step() == expected else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            assert step() == expected
    """)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_pools(method, tmp_path):
    # A pool needs an importable main program, so this one is a file.
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(SETUP) + textwrap.dedent(f"""
        if __name__ == "__main__":
            import multiprocessing
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                assert pool.map(step, [0, 0, 0]) == [expected] * 3
    """))
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr


def test_joblib_with_loky():
    """The same bits, and the processes share the cores out: a search with n_jobs=2 has no more threads than one."""
    pytest.importorskip("joblib")
    run("""
        import joblib
        found = joblib.Parallel(n_jobs=2)(joblib.delayed(lambda: (step(), td.get_num_threads()))() for _ in range(3))
        assert all(result == expected for result, _ in found)
        assert max(n_threads for _, n_threads in found) <= max(1, joblib.cpu_count() // 2), found
    """)


def test_python_threads_compute_the_same_at_once():
    run("""
        import concurrent.futures
        net = td.nn.Sequential(td.nn.Conv2d(3, 32, 3, padding=1), td.nn.ReLU(), td.nn.Conv2d(32, 32, 3, padding=1))
        x = np.random.default_rng(0).standard_normal((8, 3, 16, 16)).astype(np.float32)
        alone = net(x).numpy().copy()
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for result in pool.map(lambda _: net(x).numpy(), range(12)):
                assert np.array_equal(result, alone)
    """)


def test_other_libraries_are_left_alone():
    pytest.importorskip("sklearn")
    run("""
        from sklearn.cluster import KMeans
        from threadpoolctl import threadpool_info
        before = sorted((p["filepath"], p["num_threads"]) for p in threadpool_info())
        state = np.random.get_state()[1].tolist()
        KMeans(2, n_init=1, random_state=0).fit(np.random.default_rng(0).standard_normal((500, 4)))
        assert step() == expected
        after = {p["filepath"]: p["num_threads"] for p in threadpool_info()}
        assert all(after[path] == n for path, n in before)
        assert np.random.get_state()[1].tolist() == state
        assert np.float64(5e-324) * 1 != 0
    """)


OTHERS = {
    "torch": "torch.set_num_threads(2); torch.nn.functional.conv2d(torch.ones(4, 3, 16, 16), torch.ones(8, 3, 3, 3))",
    "sklearn.cluster": "sklearn.cluster.KMeans(2, n_init=1).fit(np.arange(2000.0).reshape(500, 4) % 7)",
}


@pytest.mark.parametrize("first", [True, False], ids=["imported first", "imported last"])
@pytest.mark.parametrize("name", OTHERS)
def test_the_same_bits_beside_other_openmp_libraries(name, first):
    pytest.importorskip(name)
    alone = run("print(expected)")
    work = f"import numpy as np\nimport {name}\n{OTHERS[name]}\n"
    code = textwrap.dedent(SETUP) + f"\n{work}\nassert step() == expected\n{OTHERS[name]}\nprint(step())"
    done = subprocess.run([sys.executable, "-c", work * first + code], capture_output=True, text=True, timeout=180)
    assert (done.returncode, done.stdout) == (0, alone), done.stderr


def test_no_openmp_means_one_thread():
    out = run("""
        from tinydl._core import parallel
        if not parallel.has_openmp():
            td.set_num_threads(4)
            assert td.get_num_threads() == 1
        print(parallel.team_size(2))
    """)
    assert int(out) in (1, 2)


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a global lock")
def test_a_python_without_a_global_lock_stays_without():
    run("""
        import importlib, pkgutil, sys, tinydl._core
        names = [found.name for found in pkgutil.walk_packages(tinydl._core.__path__, "tinydl._core.")]
        assert "tinydl._core.gemm.forward" in names
        for name in names:
            importlib.import_module(name)
        assert not sys._is_gil_enabled()
    """)
