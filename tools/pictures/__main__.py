"""Draw the pictures of the textbook anew, all or those whose names are given.

    python -m tools.pictures [--out FOLDER] [name ...]

Each is a function of one of the modules beside this one, which computes what it shows with the library; the same
numbers and the same file come out at every run on one machine, but for the sweep by Ray, which draws its trials anew.
Pictures of examples need what the example needs: Optuna, Ray, FastAPI.
"""

import argparse
import sys
import time
from pathlib import Path

from tinydl import manual_seed
from tinydl.inspect import plots
from tools.pictures import (
    autodiff,
    benchmarks,
    convolution,
    gallery,
    machine,
    networks,
    pooling,
    seeing,
    training,
    winograd,
)

MODULES = (networks, autodiff, convolution, pooling, training, seeing, winograd, machine, benchmarks, gallery)
FOLDER = Path(__file__).resolve().parents[2] / "docs/pictures"


def drawings():
    """The functions by the name of their picture."""
    return {name.replace("_", "-"): getattr(module, name) for module in MODULES for name in module.__all__}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="pictures to draw; default: all")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the files; default: docs/pictures")
    options, known = parser.parse_args(argv), drawings()
    if unknown := set(options.names) - known.keys():
        parser.error(f"no picture {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    for name in options.names or known:
        start = time.perf_counter()
        manual_seed(0)
        plots.save(known[name](), options.out / f"{name}.svg")
        size = (options.out / f"{name}.svg").stat().st_size
        print(f"{name:24} {size / 1024:6.1f} KB {time.perf_counter() - start:6.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
