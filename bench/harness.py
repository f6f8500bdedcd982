"""What every measurement needs: facts about the machine, its peak and bandwidth, medians of rounds, result files."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

__all__ = ["bandwidth", "git_revision", "machine", "peak_flops", "round_seconds", "save_part", "table"]

ROOT = Path(__file__).resolve().parents[1]
SHOWN_FLAGS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512vl", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd")


def git_revision():
    """Short revision of the checkout, with "+" when files differ from it; None outside a checkout."""
    def git(*words):
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout

    try:
        dirty = git("status", "--porcelain", "--untracked-files=no", "--", "tinydl", "setup.py").strip()
        return git("rev-parse", "--short", "HEAD").strip() + ("+" if dirty else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def machine():
    """CPU, its flags, the build of tinydl and its threads, the revision: what a result means nothing without."""
    import tinydl

    model, flags = platform.processor(), []
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                model = value.strip()
            elif key.strip() in ("flags", "Features"):
                flags = [flag for flag in SHOWN_FLAGS if flag in value.split()]
                break
    except OSError:
        pass
    return {"revision": git_revision(), "cpu": model, "cpus": os.cpu_count(), "flags": flags,
            "system": f"{platform.system()} {platform.machine()}", **tinydl.show_config(print_it=False)}


# --- limits of the machine -----------------------------------------------------------------------------------------

def peak_flops(n_threads, seconds=0.02):
    """FLOP/s of multiply-adds on registers, all threads together."""
    from tinydl._core import peak

    return peak.fma_peak(seconds, n_threads)


def bandwidth(n_threads, megabytes=64, rounds=5):
    """Bytes/s of a = b + c on arrays beyond the caches, one NumPy call a thread; 3 streams counted, as STREAM does."""
    import numpy as np

    n = megabytes * (1 << 20) // 4
    arrays = [[np.ones(n, np.float32) for _ in range(3)] for _ in range(n_threads)]
    rates, repeats = [], 3

    def work(a, b, c, barrier):
        barrier.wait()
        for _ in range(repeats):
            np.add(b, c, out=a)  # releases the interpreter lock
        barrier.wait()

    for _ in range(rounds):
        barrier = threading.Barrier(n_threads + 1)
        threads = [threading.Thread(target=work, args=(*own, barrier)) for own in arrays]
        for thread in threads:
            thread.start()
        barrier.wait()
        start = time.perf_counter()
        barrier.wait()
        rates.append(3 * 4 * n * n_threads * repeats / (time.perf_counter() - start))
        for thread in threads:
            thread.join()
    return max(rates)


# --- timing --------------------------------------------------------------------------------------------------------

def round_seconds(call, rounds, seconds, before_round=None):
    """Seconds of one call, a list of the means of the rounds; and what `before_round` returned before each."""
    clock = time.perf_counter
    call()
    start = clock()
    call()
    repeats = max(1, int(seconds / max(clock() - start, 1e-7)))
    means, others = [], []
    for _ in range(rounds):
        others.append(before_round() if before_round else None)
        call()
        start = clock()
        for _ in range(repeats):
            call()
        means.append((clock() - start) / repeats)
    return means, others


# --- results -------------------------------------------------------------------------------------------------------

def save_part(path, part, rows, facts):
    """Put a part's rows into the JSON file `path`; the parts it holds already stay."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = json.loads(path.read_text()) if path.exists() else {}
    whole[part] = {"date": time.strftime("%Y-%m-%d"), "machine": facts, "rows": rows}
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w") as file:
        json.dump(whole, file, indent=1)
        file.write("\n")
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)


def table(header, rows):
    """Rows of strings as aligned Markdown, which reads well on a terminal too."""
    rows = [header, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[k]) for row in rows) for k in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(w) if k == 0 else cell.rjust(w)
                               for k, (cell, w) in enumerate(zip(row, widths, strict=True))) + " |" for row in rows]
    rule = "|" + "|".join("-" * (w + 2) if k == 0 else "-" * (w + 1) + ":" for k, w in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def say(*words):
    """Progress: to stderr, at once."""
    print(*words, file=sys.stderr, flush=True)
