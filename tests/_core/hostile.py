"""Calls every function of the core with hostile arguments; test_hostile.py runs it in a process of its own.

    python tests/_core/hostile.py [--from K]

Training and freezing small nets gives calls as they should be: each function's arguments are recorded on the way. Then
one argument after the other (an element of a tuple, a field of an operand, the contents of an array) is replaced by
something else. The only right answers are a result or an exception that says what is wrong. A line on stdout tells of
a case before it runs, so that a signal can be told from its last words; a second one of what came that should not.
"""

import argparse
import contextlib
import faulthandler
import gc
import importlib
import importlib.util
import os
import resource
import sys
import types

import numpy as np

GUARD = 64          # bytes on either side of every array
CALLS_EACH = 2      # recorded calls of a function that are varied
CLEAR = (TypeError, ValueError, OverflowError, MemoryError, IndexError)
# Their arguments may ask for what takes long.
LONG = {"fma_peak"}


# --- calls as they should be -----------------------------------------------------------------------------------------

def by_path(path):
    """The module of a file."""
    spec = importlib.util.spec_from_file_location(os.path.basename(path).removesuffix(".py"), path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


clock = by_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clock.py")).clock


def load():
    """(entries, classes): the functions of the core, replaced by recorders before anything of tinydl uses them."""
    spec = importlib.util.find_spec("tinydl")
    stub = types.ModuleType("tinydl")
    stub.__path__ = list(spec.submodule_search_locations)
    sys.modules["tinydl"] = stub
    core = importlib.import_module("tinydl._core")
    found = by_path(os.path.join(stub.__path__[0], "testing", "entries.py"))
    functions, classes = found.entries(), found.classes()
    for module, cls in classes:
        methods = {name: found.parameters(value.__doc__) for name, value in vars(cls).items()
                   if not name.startswith("_") and type(value).__name__ == "method_descriptor"}
        if any(methods.values()):
            record_methods(found.modules()[module], cls, [name for name, taken in methods.items() if taken])
    recorders = {id(entry.function): recorder(f"{entry.module}.{entry.name}", entry.function) for entry in functions}
    # A room offers the functions of its files under its own name too.
    for module in [module for name, module in sys.modules.items() if name.startswith("tinydl._core")]:
        for name, value in list(vars(module).items()):
            if id(value) in recorders:
                setattr(module, name, recorders[id(value)])
    del sys.modules["tinydl"]
    importlib.import_module("tinydl")._core = core
    return functions, classes


RECORDED = {}


def recorder(name, function):
    def call(*args, **kwargs):
        if recording:
            kept = RECORDED.setdefault(name, {})
            kinds = (*map(kind, args), *map(kind, kwargs.values()))
            if len(kept) < CALLS_EACH and kinds not in kept:
                kept[kinds] = (function, *rebuilt((args, kwargs), lambda array: array.copy(order="K")))
        return function(*args, **kwargs)
    return call


def record_methods(module, cls, names):
    def method(name):
        plain = getattr(cls, name)
        return lambda self, *args: recorder(f"{cls.__name__}.{name}", lambda *a: plain(self, *a))(*args)

    original = cls.__init__

    def __init__(self, *args, **named):
        recorder(cls.__name__, cls)(*args, **named) if recording else None
        original(self, *args, **named)

    own = {"__init__": __init__, "__module__": cls.__module__}
    setattr(module, cls.__name__, type(cls.__name__, (cls,), own | {n: method(n) for n in names}))


def kind(value):
    return (type(value), str(value.dtype)) if isinstance(value, np.ndarray) else type(value)


def rebuilt(value, copied, made=None):
    """`value` with copies of its arrays, those inside tuples and operands too; what was one array stays one."""
    made = {} if made is None else made
    if id(value) in made:
        return made[id(value)][1]
    new = value
    if type(value) is np.ndarray:
        new = copied(value)
    elif type(value) in (tuple, list):
        new = type(value)(rebuilt(v, copied, made) for v in value)
    elif type(value) is dict:
        new = {name: rebuilt(v, copied, made) for name, v in value.items()}
    elif type(value).__module__ == "tinydl._core.operands":
        with contextlib.suppress(Exception):  # one that was made without __init__
            make, args = value.__reduce__()[:2]
            new = make(*rebuilt(args, copied, made))
    made[id(value)] = (value, new)  # the old one lives on, or another could have its id
    return new


recording = True


# --- what is put in their place --------------------------------------------------------------------------------------

def fills_a_block(a):
    return all(stride > 0 for stride in a.strides) and a.nbytes == a.itemsize + sum(
        (n - 1) * stride for n, stride in zip(a.shape, a.strides, strict=True))


def guarded(a):
    """A copy of a dense array between two runs of guard bytes."""
    block = np.full(a.nbytes + 2 * GUARD, 0xA5, np.uint8)
    out = np.ndarray(a.shape, a.dtype, block, GUARD, a.strides)
    out[...] = a
    BLOCKS.append((block, a.nbytes))
    return out


BLOCKS, EDGE = [], bytes([0xA5]) * GUARD


def guards_hold():
    return all(block[:GUARD].tobytes() == block[GUARD + n:].tobytes() == EDGE for block, n in BLOCKS)


def fresh(array):
    """A guarded copy where an array is a block that can be written, else the array itself."""
    plain = array.size and array.flags.aligned and array.flags.writeable and not array.dtype.hasobject
    return guarded(array) if plain and fills_a_block(array) else array


def odd_objects(classes):
    """Things that are not what any argument should be, by name."""
    odd = {"None": None, "True": True, "0": 0, "-1": -1, "2**31-1": 2**31 - 1, "2**63": 2**63, "-2**63": -2**63,
           "1e300": 1e300, "nan": float("nan"), "'x'": "x", "b''": b"", "()": (), "[]": [], "{}": {},
           "object": object(), "function": len, "dtype": np.dtype(np.float32), "scalar": np.float32(1),
           "list of None": [None, None], "0-d": np.zeros((), np.float32), "0-d double": np.zeros(()),
           "empty": np.zeros(0, np.float32), "empty 4-d": np.zeros((0, 3, 4, 4), np.float32),
           "1-d": np.zeros(5, np.float32),
           "object array": np.array([None, 1], object), "structured": np.zeros(4, "f4,i4"),
           "strings": np.array(["a", "b"]), "complex": np.zeros(4, np.complex64), "half": np.zeros(4, np.float16),
           "bool array": np.zeros(4, bool), "dates": np.zeros(4, "M8[s]"), "int array": np.arange(4),
           "40 axes": np.zeros((1,) * 40, np.float32) if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else None,
           "no memory behind it": np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (3, 2**40), (0, 0)),
           "masked": np.ma.masked_array(np.zeros(4, np.float32), True), "class": type}
    for name, cls in classes:
        with contextlib.suppress(Exception):
            odd[f"{name}.{cls.__name__}()"] = cls()
        with contextlib.suppress(Exception):
            odd[f"{name}.{cls.__name__} without __init__"] = cls.__new__(cls)
    return odd


def variants(value, odd):
    """(what, replacement) for one argument."""
    yield from odd.items()
    if isinstance(value, np.ndarray):
        yield from array_variants(value)
    elif isinstance(value, (bool, np.bool_)):
        yield "the other", not value
    elif isinstance(value, int):
        for k in (-2**31, 1 - value, -value, value + 1, value - 1, 2 * value + 1, 10**6, 2**31, 2**32 + 1, 2**62,
                  2**63 - 1):
            yield str(k), k
    elif isinstance(value, float):
        for k in (0.0, -1.0, 1.0, -value, float("inf"), float("-inf"), 5e-324):
            yield str(k), k
    elif isinstance(value, (tuple, list)):
        yield from sequence_variants(value, odd)
    elif type(value).__module__.startswith("tinydl._core"):
        yield from operand_variants(value, odd)


def few(odd):
    """Those for the inside of a tuple or of an operand."""
    return {name: odd[name] for name in ("None", "2**63", "nan", "'x'", "0-d", "empty", "object array") if name in odd}


def array_variants(a):
    other = np.float64 if a.dtype == np.float32 else np.float32
    yield "other type", a.astype(other)
    yield "int32", np.zeros(a.shape, np.int32)
    yield "bytes", np.zeros(a.shape, np.uint8)
    yield "half", np.zeros(a.shape, np.float16)
    yield "object", a.astype(object)
    yield "other byte order", a.astype(a.dtype.newbyteorder())
    yield "structured", np.zeros(a.shape, [("x", a.dtype)])
    yield "flat", a.reshape(-1).copy()
    yield "list", a.tolist()
    yield "one more", np.zeros(a.size + 1, a.dtype)
    yield "one less", np.zeros(max(0, a.size - 1), a.dtype)
    yield "twice", np.concatenate([a.reshape(-1)] * 2)
    yield "none", np.zeros(0, a.dtype)
    yield "one", np.zeros(1, a.dtype)
    yield "an axis more", a[None].copy()
    yield "row-major", np.ascontiguousarray(a)
    yield "column-major", np.asfortranarray(a)
    yield "subclass", a.view(np.ma.MaskedArray)
    readonly = a.copy(order="K")
    readonly.flags.writeable = False
    yield "read-only", readonly
    if a.ndim:
        yield "reversed", a[::-1]
        yield "half of it", a[: len(a) // 2]
        yield "a longer first axis", np.zeros((a.shape[0] + 1, *a.shape[1:]), a.dtype)
        yield "axes swapped", a.transpose()
        yield "a zero axis", np.zeros((*a.shape[:-1], 0), a.dtype)
        if a.size:
            yield "broadcast", np.broadcast_to(a[:1], a.shape)
            wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
            yield "gaps", wide[..., ::2]
    block = np.zeros(a.nbytes + 1, np.uint8)
    yield "misaligned", np.ndarray(a.shape, a.dtype, block, 1)
    if a.dtype.kind in "iu":
        info = np.iinfo(a.dtype)
        for content in (info.min, info.max, -1 if info.min else 254, 10_000 % info.max):
            yield f"full of {content}", np.full_like(a, content)
    elif a.dtype.kind == "f":
        for content in (np.nan, np.inf, -np.inf, 3e38, 1e-40):
            yield f"full of {content}", np.full_like(a, content)


def sequence_variants(value, odd):
    kind = type(value) if type(value) in (tuple, list) else tuple
    yield "shorter", kind(value[:-1])
    yield "longer", kind((*value, 1))
    yield "reversed", kind(value[::-1])
    yield "other kind", list(value) if isinstance(value, tuple) else tuple(value)
    yield "an array", np.array([0, 1, 2])
    yield "a generator", (k for k in value)
    for at, element in enumerate(value):
        if at > 1 and not isinstance(element, int):
            continue
        for what, replaced in variants(element, few(odd)):
            yield f"[{at}] {what}", kind((*value[:at], replaced, *value[at + 1:]))


def operand_variants(value, odd):
    try:
        make, args = value.__reduce__()[:2]
    except TypeError:
        return
    for at, field in enumerate(args):
        for what, replaced in variants(field, few(odd)):
            try:
                changed = make(*args[:at], replaced, *args[at + 1:])
            except CLEAR:
                continue
            yield f"field {at} {what}", changed


# --- the run ---------------------------------------------------------------------------------------------------------

def cases(functions, odd):
    """(what, function, args, kwargs) of every case, always in the same order."""
    for name, kept in sorted(RECORDED.items()):
        if name.split(".")[-1] in LONG:
            continue
        for function, args, kwargs in kept.values():
            yield f"{name} as recorded", function, args, kwargs
            yield f"{name} without arguments", function, (), {}
            for at, value in enumerate(args):
                for what, replaced in variants(value, odd):
                    yield f"{name} argument {at}: {what}", function, (*args[:at], replaced, *args[at + 1:]), kwargs
            for key, value in kwargs.items():
                for what, replaced in variants(value, odd):
                    yield f"{name} {key}: {what}", function, args, kwargs | {key: replaced}
    for entry in functions:
        # What no layer calls: every argument the same odd thing.
        name = f"{entry.module}.{entry.name}"
        if name not in RECORDED and entry.name not in LONG:
            for what, thing in odd.items():
                yield f"{name} all: {what}", entry.function, (thing,) * len(entry.names), {}


def say(*words):
    print(*words, flush=True)


def main(first, cases=cases):
    global recording
    faulthandler.enable()
    functions, classes = load()
    calls = by_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "calls.py"))
    calls.workload()
    calls.more()
    recording = False
    say("unrecorded", *(f"{e.module}.{e.name}" for e in functions if f"{e.module}.{e.name}" not in RECORDED))
    odd = odd_objects(classes)
    sys.unraisablehook = lambda hook: say("WRONG", f"ignored: {hook.exc_value!r}")
    if "asan" not in os.environ.get("LD_PRELOAD", ""):  # its shadow takes terabytes of addresses
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    k = -1
    np.seterr(all="ignore")
    for k, (what, function, args, kwargs) in enumerate(cases(functions, odd)):
        if k < first:
            continue
        say(k, what)
        BLOCKS.clear()
        args, kwargs = rebuilt((args, kwargs), fresh)
        try:
            with clock():
                function(*args, **kwargs)
        except CLEAR as error:
            if what.endswith("as recorded"):
                say("WRONG", f"{type(error).__name__}: {error}")
        except Exception as error:
            say("WRONG", f"{type(error).__name__}: {error}")
        if not guards_hold():
            say("WRONG", "wrote outside its arrays")
    gc.collect()
    say("end", k + 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="first", type=int, default=0)
    main(parser.parse_args().first)
