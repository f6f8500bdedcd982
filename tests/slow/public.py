"""Calls of every public function with arguments of every form, right and spoilt, beside PyTorch.

    python tests/slow/public.py FIRST LAST [--only NAME] [--step K] [--place FILE]

A number is a call. It is drawn right; its arrays take any form and type, some hold NaN, infinity, 1e38 and denormals;
in half of the calls up to three arguments are then replaced. The only right answers are PyTorch's value and
gradients, or an exception that says what is wrong; arguments stay as they were. A call that was drawn right and that
PyTorch computes has a value. The number of the call is in FILE before it runs, so that a signal can be told from its
last words.
"""

import argparse
import collections
import contextlib
import faulthandler
import inspect
import os
import re
import resource
import sys
import traceback
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import arguments as forms
import numpy as np
import public_kernels
import public_layers
import public_training
import public_words
from arguments import Real, Whole
from clock import clock

import tinydl as td

ROOM = 1 << 30              # bytes of address space beyond what the process has
LARGE = 2**16               # a number from which on a call may be too large for that
ROWS = {**{f"ops.{name}": draw for name, draw in {**public_kernels.ROWS, **public_words.ROWS}.items()},
        **public_layers.ROWS, **public_training.ROWS}
CLEAR = (TypeError, ValueError, OverflowError)
# A RuntimeError that users know: the values of a tensor in a graph are wanted as an array.
OF_GRAPHS = re.compile("does not become an array by itself")
# What Python and NumPy say of their own accord names neither the argument nor a cure.
INTERNAL = re.compile(
    r"has no attribute|unsupported operand|not supported between|not (iterable|callable|subscriptable|an iterator)|"
    r"cannot unpack|values to unpack|must be real number|(list|tuple|index) index out of range|zip\(\)|truth value|"
    r"only length-1|only 0-dimensional|inhomogeneous|ufunc|setting an array element|bad operand|unhashable|"
    r"could not convert|only integer scalar|not understood|cannot be interpreted as an integer|invalid literal|"
    r"can't multiply|Cannot cast|"
    r"too large to convert|concatenate (str|tuple)|must be str|'NoneType'|argument of type")
# Refusals of arrays of types that PyTorch, which gets float64 of everything, never saw.
OF_TYPES = re.compile(r"convert|float32 or float64|takes no uint8|real numbers|one type|only float32")
# Refusals that are meant: PyTorch checks less where there are no numbers, and takes limits in the wrong order.
MEANT = re.compile(r"clip needs min <= max|gives no output|output_padding must be smaller|every weight must be finite|"
                   r"normalized_shape must be at least 1")


# --- a call ----------------------------------------------------------------------------------------------------------

class Given:
    """An argument as the call gets it, `thing`, and the values that it stands for, `array`, None for no array."""

    def __init__(self, thing, array=None, gradient=False, written=False):
        if array is None and isinstance(thing, np.generic) and thing.dtype.kind in "fiu":
            array = np.asarray(thing)
        self.thing, self.gradient, self.written = thing, gradient, written
        self.array = array.copy() if array is not None and array.nbytes < 1 << 20 else array
        held = thing.raw if isinstance(thing, td.Tensor) else thing
        self.held = held if isinstance(held, np.ndarray) and held.nbytes < 1 << 20 else None
        self.before = None if self.held is None else self.held.tobytes()

    def changed(self):
        return not self.written and self.held is not None and self.held.tobytes() != self.before


class Call:
    """The call of a number: `given`, `ours`, `theirs`, and what was done to it."""

    def __init__(self, number, only=None):
        rng = np.random.default_rng(number)
        self.number = number
        names = [name for name in ROWS if only is None or name == only]
        self.name = names[rng.integers(len(names))]
        drawn, self.ours, self.theirs = ROWS[self.name](rng)
        self.dtype = forms.FLOATS[rng.integers(2)]
        self.special = rng.random() < 0.15 and pick_contents(rng)
        self.mixed = self.spoilt = False
        self.what = []
        self.given = [self.realised(rng, k, value) for k, value in enumerate(drawn)]
        if rng.random() < 0.5:
            for at in rng.permutation(len(drawn))[:rng.integers(1, 4)]:
                self.spoil(rng, int(at))

    def realised(self, rng, k, value):
        if isinstance(value, Whole):
            array = value.array
            if array.dtype != bool:
                array = np.asarray(array.astype(rng.choice(["i8", "i8", "i4", "i2", "i1"])))
            form = rng.choice(list(forms.FORMS))
            return Given(forms.FORMS[form](array), array)
        if not isinstance(value, Real):
            return Given(value)
        array = value.array
        if self.special and not value.finite:
            array = forms.sprinkled(rng, array, self.special)
        dtype = np.dtype(self.dtype)
        if rng.random() < 0.06 and not value.written:
            dtype = np.dtype(rng.choice(forms.DTYPES))
            if dtype.kind in "iu":
                array = np.asarray(rng.integers(0 if dtype.kind == "u" else -3, 4, array.shape))
            self.mixed = True
        array = np.asarray(array).astype(dtype)
        form = rng.choice(list(forms.FORMS)) if rng.random() < 0.6 else "plain"
        if form == "read-only" and value.written:
            form = "plain"
        wrap = "array" if value.written else rng.choice(["tensor", "array", "leaf", "list"], p=[0.4, 0.25, 0.25, 0.1])
        if wrap == "leaf" and not value.gradient:
            wrap = "tensor"
        if wrap == "list" and not array.size:  # a list has no lengths behind a 0
            wrap = "array"
        self.mixed |= wrap == "list" and dtype != np.float32
        self.what.append(f"{k}: {dtype} {array.shape} {form} {wrap}")
        thing = forms.FORMS[form](array)
        return Given(forms.WRAPS[wrap](thing), array, wrap == "leaf" and dtype.kind == "f", value.written)

    def spoil(self, rng, at):
        value = self.given[at]
        near = forms.neighbours(value.thing) if value.array is None else forms.wrong_arrays(value.array)
        near = near if near and rng.random() < 0.5 else forms.odd_things()
        name = list(near)[rng.integers(len(near))]
        thing = near[name]
        self.spoilt = True
        self.what.append(f"{at} is now {name}")
        array = thing if isinstance(thing, np.ndarray) else thing.raw if isinstance(thing, td.Tensor) else None
        self.given[at] = Given(thing, array, written=value.written)

    @property
    def allowed(self):
        """The exceptions that are an answer."""
        return CLEAR + public_training.ALSO.get(self.name, ())

    @property
    def large(self):
        """Whether some number may ask for more memory than there is, or leave the range of float32."""
        return any(large(value.thing) for value in self.given)

    def __repr__(self):
        plain = [repr(value.thing)[:60] for value in self.given if value.array is None]
        return f"{self.name} {np.dtype(self.dtype)} {'; '.join(self.what)}; {', '.join(plain)}"


def pick_contents(rng):
    return (forms.HUGE, forms.TINY, forms.SPECIAL, forms.SPECIAL)[rng.integers(4)]


def large(value, depth=0):
    if isinstance(value, (tuple, list, np.ndarray)) and depth < 2:
        if isinstance(value, np.ndarray):
            return value.size > LARGE or value.dtype.kind in "iuf" and bool((np.abs(value.astype("f8")) > LARGE).any())
        return any(large(v, depth + 1) for v in value)
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not (
        value == 0 or 1 / LARGE**4 <= abs(value) <= LARGE)


# --- results ---------------------------------------------------------------------------------------------------------

def flat(result):
    """The arrays of a result, of ours or of PyTorch."""
    if isinstance(result, (tuple, list)):
        return [array for each in result for array in flat(each)]
    if result is None:
        return []
    return [np.asarray(result.detach() if hasattr(result, "detach") and not isinstance(result, td.Tensor)
                       else result.numpy() if isinstance(result, td.Tensor) else result)]


def upstream(y):
    return np.cos(np.arange(y.size, dtype=np.float64)).reshape(y.shape)


def ours(call):
    """(results, gradients) of the call itself; what judges it takes none of its time."""
    with clock():
        result = call.ours(*[value.thing for value in call.given])
    arrays = [array.copy() for array in flat(result)]
    first = result[0] if isinstance(result, tuple) else result
    gradients = {}
    if isinstance(first, td.Tensor) and first.requires_grad and not call.special:
        with clock():
            first.backward(upstream(first.numpy()))
        gradients = {k: value.thing.grad for k, value in enumerate(call.given)
                     if value.gradient and isinstance(value.thing, td.Tensor)}
    return arrays, gradients


def theirs(call, torch, nudge=0, whole=False):
    """The same from PyTorch in float64, None where it refuses; `nudge` moves the values by so much of themselves.

    With `whole` integers stay integers.
    """
    rng = np.random.default_rng(nudge and 1)
    things, leaves = [], {}
    for k, value in enumerate(call.given):
        thing = value.thing
        if value.array is not None:
            array = value.array
            if array.dtype.kind == "f" or array.dtype.kind in "iu" and not whole:
                array = array.astype(np.float64)
                array = array * (1 + nudge * rng.uniform(-1, 1, array.shape))
            thing = torch.tensor(np.ascontiguousarray(array).reshape(array.shape))
            if value.gradient and isinstance(value.thing, td.Tensor):
                leaves[k] = thing.requires_grad_()
        things.append(thing)
    result = call.theirs(torch, *things)
    if not all(torch.is_tensor(each) or isinstance(each, (np.ndarray, np.generic))
               for each in (result if isinstance(result, tuple) else (result,))):
        raise TypeError("no result of PyTorch")
    arrays = flat(result)
    gradients = {}
    first = result[0] if isinstance(result, tuple) else result
    # PyTorch's gradient of a maximum over a window of nothing but padding writes outside of its arrays. What holds an
    # infinity has no gradient to compare anyway.
    if leaves and not call.special and torch.is_tensor(first) and first.requires_grad and first.isfinite().all():
        first.backward(torch.tensor(upstream(first.detach().numpy())))
        gradients = {k: None if leaf.grad is None else leaf.grad.numpy() for k, leaf in leaves.items()}
    return arrays, gradients


def worst(call, found, expected):
    """(how far the values are apart, of which allowed) by place, or what else differs."""
    arrays, gradients = found
    right, slopes = expected
    if len(arrays) != len(right):
        yield "number of results", np.inf, 0
    pairs = [(f"result {k}", *pair) for k, pair in enumerate(zip(arrays, right, strict=False))]
    if not all(np.isfinite(array).all() and array.size for array in right):
        slopes = {}
    pairs += [(f"gradient {k}", gradients.get(k), slope) for k, slope in slopes.items() if k in gradients]
    for what, got, want in pairs:
        if got is None or want is None:
            if got is not None and np.any(got) or want is not None and np.any(want):
                yield what, np.inf, 0
            continue
        if got.shape != want.shape:
            yield f"{what}: shape {got.shape} instead of {want.shape}", np.inf, 0
            continue
        yield what, *apart(call, got, want)


def apart(call, got, want):
    """(largest difference, what is allowed) where a difference means anything."""
    if call.special is forms.HUGE or call.large:
        return 0, 0  # what overflows, and what cancels, is another thing in float32
    if call.special is forms.TINY and call.mixed:
        return 0, 0  # a denormal that becomes float32 keeps few bits
    if got.dtype == np.float16:  # it was rounded to what holds it
        got, want = got.astype(np.float64), want.astype(np.float64)
        return 0, 0
    double = got.dtype == np.float64 and call.dtype == np.float64 and not call.mixed
    limit, share = (1e300, 1e-9) if double else (3e38, 2e-4)
    got, want = got.astype(np.float64), want.astype(np.float64)
    sized = np.isfinite(want) & (np.abs(want) < limit)
    if (np.isnan(want) & ~np.isnan(got)).any() or (np.isinf(want) & (got != want)).any() \
            or not np.isfinite(got[sized]).all():
        return np.inf, 0
    size = np.abs(want[sized]).max(initial=1)
    return np.abs(got - want)[sized].max(initial=0), share * size


def differs(call, torch, found):
    """What is wrong with a result beside PyTorch's, "" where nothing is, None where there is no judge."""
    used_up = any(hasattr(value.thing, "__next__") for value in call.given)  # a generator has nothing left for a judge
    expected = None if used_up else quietly(theirs, call, torch)
    if expected is None:
        return None
    wrong = [(what, off, allowed) for what, off, allowed in worst(call, found, expected) if not off <= allowed]
    if not wrong:
        return ""
    if any(value.array is not None and value.array.dtype.kind == "u" for value in call.given):
        return None  # they wrap around, as NumPy's do; PyTorch has few of them
    other = quietly(theirs, call, torch, 0, True)
    if other is not None and all(off <= allowed for _, off, allowed in worst(call, found, other)):
        return ""
    # The judge itself, its values moved by a rounding, may differ as much: a kink, or a difference of like numbers.
    eps = 4 * np.finfo(call.dtype).eps
    for k in range(1, 4):
        moved = quietly(theirs, call, torch, k * eps)
        if moved is None:
            break
        by = {what: off for what, off, _ in worst(call, moved, expected)}
        wrong = [(what, off, allowed) for what, off, allowed in wrong if not off <= allowed + 64 * by.get(what, 0)]
    return "; ".join(f"{what} off by {off:.3g}, allowed {allowed:.3g}" for what, off, allowed in wrong)


def quietly(function, *given):
    """What a judge says, None where it refuses."""
    try:
        return function(*given)
    except Exception:
        return None


def verdict(call, torch):
    """(what became of a call, what is wrong with it or "")."""
    judged = torch is not None and call.theirs is not None
    try:
        found = ours(call)
    except MemoryError as error:
        return "refused", "" if call.large else f"MemoryError: {error}"
    except call.allowed as error:
        text = f"{type(error).__name__}: {error}"
        if place(error) and (INTERNAL.search(str(error)) or not str(error)):
            return "refused", f"unclear {text} {place(error)}"
        if judged and not call.spoilt and not call.mixed and not OF_TYPES.search(text) \
                and not MEANT.search(text) \
                and quietly(theirs, call, torch) is not None:
            return "refused", f"PyTorch has a value: {text}"
        return "refused", ""
    except Exception as error:
        if isinstance(error, RuntimeError) and OF_GRAPHS.search(str(error)):
            return "refused", ""
        return "refused", f"{type(error).__name__}: {error} {place(error)}"
    if any(value.changed() for value in call.given):
        return "computed", f"argument {[value.changed() for value in call.given].index(True)} was changed"
    wrong = differs(call, torch, found) if judged else None
    return ("computed", "") if wrong is None else ("judged", wrong)


def place(error):
    """Where an exception comes from, the last line within the library."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}tinydl{os.sep}" in f.filename]
    return f"({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""


# --- the run ---------------------------------------------------------------------------------------------------------

def public_names():
    """Everything that the library offers under a name, as "ops.relu"."""
    rooms = {"": td, "ops.": td.ops, "nn.": td.nn, "nn.init.": td.nn.init, "optim.": td.optim}
    return {f"{room}{name}" for room, module in rooms.items() for name in module.__all__
            if not inspect.ismodule(getattr(module, name))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    parser.add_argument("--only")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--place", default=os.devnull)
    options = parser.parse_args()
    try:
        import torch
        torch.set_num_threads(1)
    except ImportError:
        torch = None
    faulthandler.enable()
    with contextlib.suppress(AttributeError):
        with open("/proc/self/statm") as file:
            size = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        if "asan" not in os.environ.get("LD_PRELOAD", ""):  # its shadow takes terabytes of addresses
            resource.setrlimit(resource.RLIMIT_AS, (size + ROOM,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.open(options.place, os.O_RDWR | os.O_CREAT)
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    counts, told = collections.Counter(), set()
    for number in range(options.first, options.last, options.step):
        os.pwrite(out, f"{number:<20}".encode(), 0)
        call = Call(number, options.only)
        what, wrong = verdict(call, torch)
        counts[what] += 1
        if wrong:
            counts["wrong"] += 1
            kind = call.name, re.sub(r"[\d.]+", "", wrong)[:80]
            if kind not in told:
                told.add(kind)
                print(f"WRONG {number} {call!r}\n    {wrong}", flush=True)
    print(f"end {sum(counts.values()) - counts['wrong']} calls: {counts['judged']} as PyTorch, {counts['computed']} "
          f"computed, {counts['refused']} refused, {counts['wrong']} wrong")


if __name__ == "__main__":
    main()
