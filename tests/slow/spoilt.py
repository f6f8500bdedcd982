"""Calls of the core with one to three arguments spoilt at once, at random: the long form of tests/_core/hostile.py.

    python tests/slow/spoilt.py FIRST LAST [--from K]
"""

import argparse
import importlib.util
from pathlib import Path

import numpy as np

spec = importlib.util.spec_from_file_location("hostile", Path(__file__).parents[1] / "_core" / "hostile.py")
hostile = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hostile)


def random_cases(first, last):
    """A generator of the cases with these numbers, as `hostile.cases` gives them; a number is a seed."""
    def cases(functions, odd):
        calls = [(name, *call) for name, kept in sorted(hostile.RECORDED.items()) for call in kept.values()
                 if name.split(".")[-1] not in hostile.LONG]
        known = {}

        def variants(call, at, value):
            if (call, at) not in known:
                known[call, at] = list(hostile.variants(value, odd))
            return known[call, at]

        for k in range(first, last):
            rng = np.random.default_rng(k)
            call = int(rng.integers(len(calls)))
            name, function, args, kwargs = calls[call]
            args, what = list(args), []
            for at in rng.permutation(len(args))[:rng.integers(1, 4)]:
                found = variants(call, int(at), args[at])
                label, args[at] = found[rng.integers(len(found))]
                what.append(f"argument {at}: {label}")
            yield f"{k} {name} {', '.join(what)}", function, tuple(args), kwargs
    return cases


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    parser.add_argument("--from", dest="skip", type=int, default=0)
    arguments = parser.parse_args()
    hostile.main(0, random_cases(arguments.first + arguments.skip, arguments.last))
