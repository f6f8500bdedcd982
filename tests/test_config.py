"""Settings: threads, gradient mode, the algorithm of convolutions, what show_config says."""

import os
import pathlib
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import tinydl as td
from tinydl import config


@pytest.fixture(autouse=True)
def _restored():
    n = td.get_num_threads()
    yield
    td.set_num_threads(n)


# --- threads -------------------------------------------------------------------------------------------------------

def test_threads_are_set_and_counted_back_from_the_default():
    td.set_num_threads(-1)
    default = td.get_num_threads()
    assert default >= 1
    td.set_num_threads(-(10**6))
    assert td.get_num_threads() == 1
    td.set_num_threads(3)
    assert td.get_num_threads() == (3 if td.show_config(print_it=False)["openmp"] else 1)


@pytest.mark.parametrize(("n", "error", "message"), [
    (0, ValueError, "between 1 and 1024, or negative to count back from the default, got 0"),
    (1025, ValueError, "got 1025"), (2**40, ValueError, "got 1099511627776"), (1.0, TypeError, "an integer, got 1.0"),
    (True, TypeError, "got True"), ("2", TypeError, "got '2'"), (None, TypeError, "got None")])
def test_bad_numbers_of_threads(n, error, message):
    with pytest.raises(error, match=message):
        td.set_num_threads(n)


LIMITED = """
import resource, warnings
import numpy as np, tinydl as td
warnings.simplefilter("ignore")
td.set_num_threads(2)
resource.setrlimit(resource.RLIMIT_AS, (1 << 30,) * 2)
try:
    td.set_num_threads(1024)
except MemoryError as error:
    print(error)
assert td.get_num_threads() == 2
assert td.nn.Conv2d(3, 8, 3)(np.ones((64, 3, 32, 32), np.float32)).numpy().shape == (64, 8, 30, 30)
"""


@pytest.mark.skipif(sys.platform != "linux" or not td.show_config(print_it=False)["openmp"], reason="limits of Linux")
def test_threads_that_cannot_be_started_are_a_memory_error():
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1024 threads cannot be started here")


@pytest.mark.parametrize(("variable", "limit"), [("1", 1), ("1,4", 1), (" 1 ", 1), ("\u0661", 1), ("", None)])
def test_the_variable_of_openmp_is_a_limit(variable, limit, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert td.show_config(print_it=False)["OMP_NUM_THREADS"] == limit
    td.set_num_threads(-1)
    if limit:
        assert td.get_num_threads() == limit


def test_a_build_for_one_thread_says_so_when_more_are_set(monkeypatch):
    monkeypatch.setattr(config.parallel, "has_openmp", lambda: False)
    monkeypatch.setattr(config, "_warned", False)
    with pytest.warns(RuntimeWarning, match="^one thread, not 2: this build of tinydl has no OpenMP; install .*libomp"):
        td.set_num_threads(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        td.set_num_threads(2)  # once


# --- gradient mode -------------------------------------------------------------------------------------------------

def test_gradient_modes_nest_and_end_with_their_block():
    assert td.is_grad_enabled()
    with td.no_grad():
        assert not td.is_grad_enabled()
        with td.enable_grad():
            assert td.is_grad_enabled()
        assert not td.is_grad_enabled()
    assert td.is_grad_enabled()
    with pytest.raises(KeyError), td.no_grad():
        raise KeyError
    assert td.is_grad_enabled()


def test_one_object_may_be_entered_twice():
    mode = td.no_grad()
    with mode, mode:
        assert not td.is_grad_enabled()
    assert td.is_grad_enabled()


def test_as_decorators():
    @td.no_grad()
    def inside():
        """Says so."""
        return td.is_grad_enabled()

    assert inside() is False
    assert inside.__doc__ == "Says so."
    assert td.is_grad_enabled()


def test_modes_belong_to_a_thread():
    seen = []
    with td.no_grad(), td.conv_algorithm("direct"):
        thread = threading.Thread(target=lambda: seen.extend((td.is_grad_enabled(), config.mode.algorithm)))
        thread.start()
        thread.join()
    assert seen == [True, "auto"]


# --- algorithm -----------------------------------------------------------------------------------------------------

def test_the_algorithm_is_a_setting_or_holds_for_a_block():
    before = config.mode.algorithm
    with td.conv_algorithm("direct"):
        assert config.mode.algorithm == "direct"
        with td.conv_algorithm("winograd"):
            assert config.mode.algorithm == "winograd"
        assert config.mode.algorithm == "direct"
    assert config.mode.algorithm == before
    td.conv_algorithm("direct")
    assert config.mode.algorithm == "direct"
    td.conv_algorithm(before)
    with pytest.raises(ValueError, match="one of 'auto', 'direct', 'winograd', 'im2col', got 'fft'"):
        td.conv_algorithm("fft")


# --- information ---------------------------------------------------------------------------------------------------

def test_show_config_prints_what_it_returns(capsys):
    facts = td.show_config()
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert set(lines) == set(facts)
    assert lines["tinydl"] == facts["tinydl"] == td.__version__
    assert lines["isa_level"] == facts["isa_level"]
    assert facts["isa_level"] in facts["isa_supported"]
    assert facts["team_size_obtained"] == facts["threads"] == td.get_num_threads()
    assert 1 <= facts["team_now"] <= facts["threads"]


@pytest.mark.parametrize("variables, expected", [
    ({}, "['the default (no GOMP_SPINCOUNT, no OMP_WAIT_POLICY)']"),
    ({"OMP_WAIT_POLICY": "passive"}, "['OMP_WAIT_POLICY=passive']"),
    ({"GOMP_SPINCOUNT": "7"}, "['GOMP_SPINCOUNT=7']"),
])
def test_what_idle_threads_were_told(variables, expected):
    kept = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    program = "import tinydl; facts = tinydl.show_config(False); print(facts['openmp'], facts['idle_threads'])"
    openmp, _, told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                                     env={**kept, **variables}).stdout.strip().partition(" ")
    assert told == (expected if openmp == "True" else "None")


def test_more_threads_than_cpus_are_warned_of_once():
    program = ("import os, warnings, tinydl\n"
               "n = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()\n"
               "with warnings.catch_warnings(record=True) as said:\n"
               "    warnings.simplefilter('always')\n"
               "    for k in (n, n + 1, n + 2): tinydl.set_num_threads(k)\n"
               "print(len(said), said[0].message)")
    count, _, message = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                                       check=True).stdout.partition(" ")
    assert count == "1"
    assert "threads share the" in message


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(("groups", "files", "expected"), [
    ("0::/\n", {}, None),
    ("0::/\n", {"cpu.max": "max 100000\n"}, None),
    ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
    ("0::/system.slice/job.service\n", {"system.slice/job.service/cpu.max": "200000 100000\n"}, 2.0),
    # The least of the way up counts.
    ("0::/a/b\n", {"cpu.max": "max 100000", "a/cpu.max": "100000 100000", "a/b/cpu.max": "400000 100000"}, 1.0),
    ("0::/a\n", {"a/b/cpu.max": "100000 100000"}, None),
    # Seen from a container that does not see its own place.
    ("0::/../../outer\n", {"cpu.max": "50000 100000"}, 0.5),
    ("4:memory:/m\n3:cpu,cpuacct:/x\n0::/\n", {"cpu/x/cpu.cfs_quota_us": "300000\n",
                                               "cpu/x/cpu.cfs_period_us": "100000\n"}, 3.0),
    ("3:cpu:/x\n", {"cpu/x/cpu.cfs_quota_us": "-1\n", "cpu/x/cpu.cfs_period_us": "100000\n"}, None),
    ("", {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "50000\n"}, 2.0),
    ("0::/\n", {"cpu.max": "no numbers"}, None),
])
def test_quotas_of_control_groups(groups, files, expected, tmp_path):
    for name, text in files.items():
        write(tmp_path / "fs" / name, text)
    write(tmp_path / "self", groups)
    assert config._cgroup_quota(str(tmp_path / "self"), str(tmp_path / "fs")) == expected


@pytest.mark.parametrize(("quota", "expected"), [(0.3, 1), (1.0, 1), (1.9, 1), (2.0, 2), (None, 5)])
def test_a_quota_is_rounded_down_to_threads(quota, expected, monkeypatch):
    monkeypatch.setattr(config, "_limits", lambda: {
        "OMP_NUM_THREADS": None, "cpu_affinity": 5, "cgroup_quota": quota, "physical_cores": 6})
    assert config._default_threads() == expected


def test_a_real_quota():
    """A process in a group that has one and a half CPUs takes one thread, whatever the machine has."""
    for tree, name, text in (("/sys/fs/cgroup", "cpu.max", "150000 100000"),
                             ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "150000")):
        group = pathlib.Path(tree, f"tinydl-test-{os.getpid()}")
        if not pathlib.Path(tree, "cgroup.procs").exists():
            continue  # a folder that holds the trees of the first version
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / name).write_text(text)
        except OSError:
            group.rmdir()
            continue
        program = (f"open('{group}/cgroup.procs', 'w').write('0'); import tinydl; "
                   "print(tinydl.get_num_threads(), tinydl.show_config(False)['cgroup_quota'])")
        variables = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        try:
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=variables,
                                  check=False)
        finally:
            group.rmdir()
        assert done.stdout.split() == ["1", "1.5"], done.stderr
        return
    pytest.skip("no control group can be made here")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this platform")
def test_one_cpu_is_one_thread():
    program = ("import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); import tinydl; "
               "print(tinydl.get_num_threads())")
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          check=True).stdout.split() == ["1"]


def test_the_import_keeps_to_the_limits():
    program = "import tinydl; print(tinydl.get_num_threads(), tinydl.show_config(False)['cpu_affinity'])"
    n, cpus = map(int, subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                                      check=True).stdout.split())
    assert 1 <= n <= cpus


# --- memory --------------------------------------------------------------------------------------------------------

def test_memory_is_counted_and_given_back():
    import gc

    gc.collect()
    td.empty_cache()
    before = td.memory_stats()
    assert before["cached"] == 0
    y = td.ops.relu(td.tensor(np.ones((1000, 1000), np.float32)))
    during = td.memory_stats()
    assert 4_000_000 <= during["in_use"] - before["in_use"] < 5_000_000
    assert during["peak"] >= during["in_use"]
    del y
    after = td.memory_stats()
    assert after["in_use"] == before["in_use"] and after["cached"] >= 4_000_000
    td.empty_cache()
    assert td.memory_stats() == before | {"peak": after["peak"]}


@pytest.mark.parametrize("variable", ["many", "0", "-2", "\u00b2", "1.5"])
def test_what_is_no_number_of_threads_is_ignored_with_a_warning(variable, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    with pytest.warns(UserWarning, match="OMP_NUM_THREADS='.*' is no number of threads and is ignored"):
        assert td.show_config(print_it=False)["OMP_NUM_THREADS"] is None


def test_import_with_such_a_variable():
    done = subprocess.run([sys.executable, "-c", "import tinydl"], env={**os.environ, "OMP_NUM_THREADS": "\u00b2"},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "is ignored" in done.stderr
