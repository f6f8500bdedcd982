"""Reads corrupt files of every kind: a value or the exception that the reader documents, in bounded memory.

    python tests/slow/corrupt.py 100000 [KIND ...]

Of every file: each byte of the header flipped, each truncation, then random damage, until its share of the number.
"""

import hashlib
import itertools
import os
import resource
import sys
import tempfile
import tracemalloc
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from clock import Hangs, clock
from formats import of_other_packages

HEADER = 400        # bytes that are flipped one by one
SLACK = 4 << 20     # bytes that a reader may use whatever the file: a small net, a codec
ROOM = 256 << 20    # address space beyond what the process has


# --- damage ----------------------------------------------------------------------------------------------------------

def systematic(content):
    """(what, contents): every byte of the header flipped, every truncation."""
    for at in range(min(HEADER, len(content))):
        for mask in (0xFF, 1 << at % 8):
            yield f"byte {at} xor {mask}", content[:at] + bytes([content[at] ^ mask]) + content[at + 1:]
    for n in range(len(content)):
        yield f"first {n} bytes", content[:n]


TOKENS = [b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\xff" * 8, b"9" * 5, b"9" * 30, b"-1",
          b"1e999", b"[", b"{", b'"', b"null", b"NaN", b"true", b"\n", b"\x80", b"__metadata__", b"[" * 2000]


def damaged(content, rng):
    """A few random edits."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        at, n = int(rng.integers(len(content) + 1)), int(rng.integers(1, 9))
        kind = rng.integers(6)
        if kind == 0:
            content[at:at + n] = rng.bytes(n)
        elif kind == 1:
            del content[at:at + n * int(rng.integers(1, 20))]
        elif kind == 2:
            content[at:at] = TOKENS[rng.integers(len(TOKENS))]
        elif kind == 3:
            token = TOKENS[rng.integers(len(TOKENS))]
            content[at:at + len(token)] = token
        elif kind == 4:
            other = int(rng.integers(len(content) + 1))
            content[at:at] = content[other:other + 8 * n]
        elif at < len(content):
            content[at] ^= 1 << int(rng.integers(8))
    return bytes(content)


MARK = b'"sha256":"tinydl:'


def summed(content):
    """A safetensors file with the right sum for what it holds, as somebody who forges one would write it."""
    n = int.from_bytes(content[:8], "little")
    text = content[8:8 + n]
    at = text.find(MARK) + len(MARK)
    if at < len(MARK) or at + 64 > len(text):
        return content
    blank = text[:at] + b"0" * 64 + text[at + 64:]
    total = hashlib.sha256(content[:8] + blank + content[8 + n:]).hexdigest().encode()
    return content[:8] + text[:at] + total + text[at + 64:] + content[8 + n:]


def resummed(content, rng):
    """A safetensors file with a damaged header, its length and the right sum for it."""
    n = int.from_bytes(content[:8], "little")
    text = damaged(content[8:8 + n], rng)
    return summed(len(text).to_bytes(8, "little") + text + content[8 + n:])


def corrupt(content, n):
    """`n` (what, contents); an even choice of the systematic ones where `n` is small."""
    planned = sum(1 for _ in systematic(content))
    step = max(1, 2 * planned // n)
    yield from itertools.islice(systematic(content), 0, n * step, step)
    for k in range(n - len(range(0, planned, step))):
        rng = np.random.default_rng(k)
        if k % 2 and MARK in content:
            yield f"damage {k}, with a right sum", resummed(content, rng)
        else:
            yield f"damage {k}", damaged(content, rng)


# --- the run ---------------------------------------------------------------------------------------------------------

def place_for(form, folder):
    """Where a file of this kind goes: others that it needs are put around it, and none of another kind is there."""
    path = os.path.join(folder, form.file)
    os.makedirs(os.path.dirname(path))
    return path


def read(path, form):
    """None, or what came that should not."""
    try:
        with clock(raises=True):
            form.reader(path)
    except form.documented:
        pass
    except (Exception, Hangs) as error:
        return f"{type(error).__name__}: {error}"
    return None


def main(total, *kinds):
    warnings.simplefilter("ignore")
    formats, wrong, tried = of_other_packages(), 0, 0
    formats = {name: formats[name] for name in kinds or formats}
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: place_for(form, os.path.join(folder, str(k))) for k, (name, form) in enumerate(formats.items())}
        for name, form in formats.items():
            Path(paths[name]).write_bytes(form.content)
            form.reader(paths[name])  # as it is, it can be read; and what is imported on the way is
        with open("/proc/self/statm") as file:
            here = int(file.read().split()[0]) * resource.getpagesize()
        if "asan" not in os.environ.get("LD_PRELOAD", ""):  # its shadow takes terabytes of addresses
            resource.setrlimit(resource.RLIMIT_AS, (here + ROOM,) * 2)
        tracemalloc.start()
        for name, form in formats.items():
            for what, changed in corrupt(form.content, total // len(formats)):
                Path(paths[name]).write_bytes(changed)
                before = tracemalloc.get_traced_memory()[0]
                tracemalloc.reset_peak()
                fault = read(paths[name], form)
                taken, tried = tracemalloc.get_traced_memory()[1] - before, tried + 1
                if fault is None and taken > SLACK + form.multiple * len(changed):
                    fault = f"took {taken:,} bytes for a file of {len(changed):,}"
                if fault is not None:
                    wrong += 1
                    print(f"{name}, {what}: {fault[:300]}", flush=True)
    print(f"{tried} corrupt files of {len(formats)} kinds: {wrong} wrong")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:]))
