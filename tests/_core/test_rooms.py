"""Who cimports whom: the directions between the rooms of the core, read from the sources."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "bench/sources.py").exists() or not (ROOT / "tinydl/_core/array.pxd").exists():
    pytest.skip("the sources are not part of this tree", allow_module_level=True)
sys.path.append(str(ROOT))

from bench import sources  # noqa: E402 - the path comes first

USES = sources.cimports()
# What the files of a room may read besides those of their own room.
ALLOWED = {
    "headers": set(),
    "base": {"headers"},
    "shared": {"headers", "base"},
    "kernels": {"base", "shared"},
    "inference": {"base", "shared", "kernels"},
}


def kind(name):
    room = sources.room(name)
    return room if room in ALLOWED else "kernels"


@pytest.mark.parametrize("name", USES)
def test_rooms_read_downwards(name):
    for use in USES[name]:
        if sources.room(use) == sources.room(name):
            continue
        if kind(use) == "kernels" and kind(name) == "kernels":
            # Declarations and helpers may stand in the room they are about.
            assert not sources.is_called(use), f"{name} reads {use}, a kernel of another room"
            continue
        if kind(use) == "headers" and kind(name) in ("kernels", "inference"):
            # A header that one file alone reads needs no front of its own.
            readers = [other for other, targets in USES.items() if use in targets and not other.endswith(".h")]
            assert readers == [name], f"{name} reads {use} past its front; it is also read by {readers}"
            continue
        assert kind(use) in ALLOWED[kind(name)], f"{name} reads {use}"


def test_nobody_reads_in_a_circle():
    uses = sources.cimports(parts=True)

    def walk(name, path):
        assert name not in path, " -> ".join([*path[path.index(name):], name])
        for use in uses.get(name, ()):
            walk(use, [*path, name])

    for name in uses:
        walk(name, [])


def test_what_is_read_exists():
    known = set(USES)
    assert all(use in known for targets in USES.values() for use in targets)
