"""Settings of the process: threads, gradient mode, seed; and what this build and machine offer."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import warnings
from typing import TYPE_CHECKING

from tinydl._check import flag, index_of
from tinydl._core import isa, memory, parallel
from tinydl._version import __version__

if TYPE_CHECKING:
    from typing import Any, Literal, Self

    from tinydl._types import AnyFunction

__all__ = [
    "conv_algorithm", "empty_cache", "enable_grad", "get_num_threads", "is_grad_enabled", "memory_stats", "no_grad",
    "set_num_threads", "show_config",
]

_MAX_THREADS = 1024
SERIAL = ("this build of tinydl has no OpenMP; install the compiler's library of it (brew install libomp, apt install "
          "libomp-dev), then build tinydl again without TINYDL_NO_OPENMP: pip install . in a clone, else pip install "
          "--force-reinstall --no-cache-dir tinydl-cnn")


# --- threads -------------------------------------------------------------------------------------------------------

def _cgroup_quota(groups="/proc/self/cgroup", mount="/sys/fs/cgroup"):
    """CPUs the control groups grant (a float), or None without a limit.

    A process has the least that its group and those above it grant: a service of systemd or a job of a batch system has
    a group of its own somewhere below the root, a container sees its own as the root.
    """
    found = []
    for folder in _cgroup_folders(groups, mount):
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
            try:
                quota, period = _words(folder, "cpu.max")
            except OSError:
                (quota,), (period,) = _words(folder, "cpu.cfs_quota_us"), _words(folder, "cpu.cfs_period_us")
            if quota != "max" and int(quota) > 0:
                found.append(int(quota) / int(period))
    return min(found, default=None)


def _cgroup_folders(groups, mount):
    """The folders of the control groups of this process that may limit its CPUs, and of all those above them."""
    places = {(mount, "/"), (f"{mount}/cpu", "/")}  # what /proc names may lie outside the namespace
    with contextlib.suppress(OSError), open(groups) as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if not controllers:  # the second version has one tree for all
                places |= {(mount, path), (f"{mount}/unified", path)}
            elif "cpu" in controllers.split(","):
                places |= {(f"{mount}/cpu", path), (f"{mount}/{controllers}", path)}
    return [f"{tree}/{'/'.join(parts[:n])}" for tree, path in places
            for parts in [[part for part in path.split("/") if part not in ("", "..")]] for n in range(len(parts) + 1)]


def _words(folder, name):
    with open(f"{folder}/{name}") as file:
        return file.read().split()


def _physical_cores(cpus):
    """Number of distinct physical cores among the CPU numbers `cpus`."""
    cores = set()
    for cpu in cpus:
        base = f"/sys/devices/system/cpu/cpu{cpu}/topology/"
        try:
            with open(base + "core_id") as file:
                core = file.read().strip()
            with open(base + "physical_package_id") as file:
                cores.add((file.read().strip(), core))
        except OSError:
            cores.add(cpu)
    return len(cores)


def _threads_asked_for():
    """What OMP_NUM_THREADS says of the outermost level, or None where it is not set."""
    variable = os.environ.get("OMP_NUM_THREADS", "")
    first = variable.split(",")[0].strip()
    if first.isdecimal() and int(first) > 0:
        return int(first)
    if variable.strip():
        warnings.warn(f"OMP_NUM_THREADS={variable!r} is no number of threads and is ignored", stacklevel=2)
    return None


def _cpus():
    """Number of the CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _limits():
    """Every limit on the number of threads that was found, as a dict of numbers (None: no such limit)."""
    cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(_cpus())
    return {
        "OMP_NUM_THREADS": _threads_asked_for(),
        "cpu_affinity": len(cpus),
        "cgroup_quota": _cgroup_quota(),
        "physical_cores": _physical_cores(cpus),
    }


def _default_threads():
    limits = _limits()
    found = [limits["OMP_NUM_THREADS"], limits["cpu_affinity"], limits["physical_cores"]]
    if limits["cgroup_quota"] is not None:
        found.append(max(1, int(limits["cgroup_quota"])))
    return min(n for n in found if n is not None)


_warned = False


def _warn_of_threads(n):
    """Warn, once in a process, that `n` threads will be one, or will wait for each other's CPUs."""
    global _warned
    cpus = _cpus()
    if _warned:
        return
    if n > 1 and not parallel.has_openmp():
        _warned = True
        warnings.warn(f"one thread, not {n}: {SERIAL}", RuntimeWarning, stacklevel=3)
    elif n > cpus:
        _warned = True
        warnings.warn(f"{n} threads share the {cpus} CPUs that this process may use: every kernel then waits until its "
                      f"last thread has had one; {cpus} are faster", RuntimeWarning, stacklevel=3)


def set_num_threads(n: int) -> None:
    """Set the number of threads of tinydl's kernels.

    Parameters
    ----------
    n : int
        Team size; a negative number counts back from the default (-1 is the default itself, -2 one less). While other
        processes hold the cores, kernels may get fewer. Results do not depend on it: every number of threads gives the
        same bits. More threads than CPUs are slower than as many, and a build without OpenMP has one; either is warned
        of once.

    Raises
    ------
    ValueError
        If `n` is 0, or larger than 1024.
    MemoryError
        If `n` exceeds the number of CPUs and the system cannot start so many threads.
    """
    given, n = n, index_of(n)
    if n is None:
        raise TypeError(f"the number of threads must be an integer, got {given!r}")
    if n == 0 or n > _MAX_THREADS:
        raise ValueError(f"the number of threads must be between 1 and {_MAX_THREADS}, or negative to count back from "
                         f"the default, got {n}")
    if n < 0:
        n = max(1, _default_threads() + n + 1)
    _warn_of_threads(n)
    if n > _cpus():
        parallel.start_team(n)
    parallel.set_num_threads(n)


get_num_threads = parallel.get_num_threads
# What kernels get: as many, or fewer while other processes hold the cores. The second at the end of a training's step.
team, step_team = parallel.team, parallel.step_team


# --- gradient mode -------------------------------------------------------------------------------------------------

class _Mode(threading.local):
    grad = True
    slots = True  # whether backward writes gradients where `tinydl.optim.flat` has a place for them
    algorithm = "auto"
    deferral = True  # whether operations may leave work to their readers, see tinydl.deferred
    batch: Any = None  # of which a batch norm in training has a shard: what gives it the statistics of all
    recorder = None  # the Graph that notes operations, see tinydl.graph


mode = _Mode()


def is_grad_enabled() -> bool:
    """Whether operations record what `backward` needs, in this thread."""
    return mode.grad


class _GradMode(contextlib.ContextDecorator):
    _enabled: bool

    def __enter__(self) -> Self:
        self._saved = getattr(self, "_saved", ()) + (mode.grad,)
        mode.grad = self._enabled
        return self

    def __exit__(self, *exc: object) -> Literal[False]:
        *rest, mode.grad = self._saved
        self._saved = tuple(rest)
        return False

    def __call__(self, function: AnyFunction) -> AnyFunction:
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            with type(self)():
                return function(*args, **kwargs)
        return wrapper  # type: ignore[return-value]


class no_grad(_GradMode):
    """Context manager and decorator: operations inside record nothing for `backward`."""

    _enabled = False


class enable_grad(_GradMode):
    """Context manager and decorator: the opposite of `no_grad`, for use inside it."""

    _enabled = True


# --- algorithm of convolutions ----------------------------------------------------------------------------------------

ALGORITHMS = ("auto", "direct", "winograd", "im2col")


class conv_algorithm:
    """Choose how convolutions are computed, in this thread: a setting, or inside `with` a temporary one.

    Parameters
    ----------
    name : {'auto', 'direct', 'winograd', 'im2col'}
        'direct' sums the products as they stand. 'winograd' computes 4x4 blocks of outputs with a quarter of the
        multiplications; its rounding error is two to three times that of 'direct', and a convolution that it cannot
        compute (not 3x3, strided, dilated, grouped, float64) is an error. 'auto' takes the faster one by a rule that
        depends on the shape and the ISA level only, so results stay reproducible. 'im2col' writes all windows as a
        matrix and multiplies it, for comparison: it computes every convolution, and takes KH KW / (SH SW) times the
        memory of the input. 'auto' never takes it. Transposed convolutions are always direct.

    Examples
    --------
    >>> import tinydl as td
    >>> with td.conv_algorithm("direct"):
    ...     pass
    """

    def __init__(self, name: Literal["auto", "direct", "winograd", "im2col"]) -> None:
        if not isinstance(name, str) or name not in ALGORITHMS:
            raise ValueError(f"the algorithm must be one of {', '.join(map(repr, ALGORITHMS))}, got {name!r}")
        self._before = mode.algorithm
        mode.algorithm = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> Literal[False]:
        mode.algorithm = self._before
        return False


# --- memory --------------------------------------------------------------------------------------------------------

def memory_stats() -> dict[str, int]:
    """What the pool that arrays live in holds.

    Blocks of arrays that died are kept for the next ones. Those that lie idle while others are taken some hundred
    times go back to the system.

    Returns
    -------
    dict of int
        Bytes: ``in_use`` by arrays and by what kernels keep, ``cached`` for reuse, ``peak`` of in_use so far.

    Examples
    --------
    >>> import tinydl as td
    >>> sorted(td.memory_stats())
    ['cached', 'in_use', 'peak']
    """
    return memory.statistics()


def empty_cache() -> None:
    """Give the memory that the pool keeps for reuse back to the system, at once.

    Examples
    --------
    >>> import tinydl as td
    >>> td.empty_cache()
    >>> td.memory_stats()["cached"]
    0
    """
    memory.release_cached()


# --- information ---------------------------------------------------------------------------------------------------

def _openmp_runtime():
    """File name of the OpenMP library that this process has loaded, or None."""
    names = ("libgomp", "libomp", "libiomp", "vcomp")
    with contextlib.suppress(OSError), open("/proc/self/maps") as file:
        for line in file:
            path = line.split()[-1]
            if any(name in os.path.basename(path) for name in names):
                return os.path.basename(path)
    return "yes" if parallel.has_openmp() else None


def _said_of_waiting():
    """What the environment tells the OpenMP runtime about threads that wait."""
    said = [f"{name}={os.environ[name]}" for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY") if name in os.environ]
    return said or ["the default (no GOMP_SPINCOUNT, no OMP_WAIT_POLICY)"]


def show_config(print_it: bool = True) -> dict[str, Any]:
    """Print version, ISA level, OpenMP runtime, threads and the limits found.

    Parameters
    ----------
    print_it : bool
        False only returns the dictionary.

    Returns
    -------
    dict
        The same facts by name.
    """
    import platform

    import numpy

    n = get_num_threads()
    facts = {
        "tinydl": __version__,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "machine": platform.machine(),
        "isa_level": isa.level,
        "isa_supported": isa.supported_levels(),
        "isa_built": isa.built_levels(),
        "conv_algorithm": mode.algorithm,
        "openmp": parallel.has_openmp(),
        "openmp_runtime": _openmp_runtime() if parallel.has_openmp() else None,
        "threads": n,
        "team_size_obtained": parallel.team_size(n),
        "team_now": parallel.team(),
        "idle_threads": _said_of_waiting() if parallel.has_openmp() else None,
        **_limits(),
    }
    if flag("show_config", "print_it", print_it):
        width = max(map(len, facts))
        for name, value in facts.items():
            shown = ", ".join(value) if isinstance(value, list) else "none" if value is None else value
            print(f"{name:<{width}}  {shown}")
    return facts


parallel.set_num_threads(min(_default_threads(), _MAX_THREADS))
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=memory.after_fork_in_child)
    os.register_at_fork(before=parallel.before_fork, after_in_parent=parallel.after_fork,
                        after_in_child=parallel.after_fork_in_child)
