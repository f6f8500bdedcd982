"""How long an idle OpenMP thread spins before it sleeps: briefly, so that on a busy machine it leaves its core.

GNU's runtime spins 300,000 rounds (milliseconds) at the end of every region, while the thread it waits for may have no
core at all. It reads GOMP_SPINCOUNT once, when it is loaded, which the first extension module of the core does. The
variable is set for that moment only, and not where the user has set it or OMP_WAIT_POLICY.
"""

import contextlib
import os

__all__ = ["SPINS", "policy", "short_spins"]

SPINS = "300000"  # some 600 microseconds: longer than the Python between two kernels, shorter than a time slice


policy = ""  # what the runtime was told when it was loaded, and by whom


@contextlib.contextmanager
def short_spins():
    """Set GOMP_SPINCOUNT inside, unless the user has said how to wait."""
    global policy
    said = [f"{name}={os.environ[name]}" for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY") if name in os.environ]
    if said:
        policy = ", ".join(said)
        yield
        return
    policy = f"GOMP_SPINCOUNT={SPINS} by tinydl"
    os.environ["GOMP_SPINCOUNT"] = SPINS
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]
