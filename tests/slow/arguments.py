"""What the proof of the public functions calls them with: arrays in every form, numbers at every edge, things that are
neither."""

import numpy as np

import tinydl as td

FLOATS = (np.float32, np.float64)
DTYPES = ("f2", "g", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
SIZES = np.array([0, 1, 2, 3, 4, 5, 7])
SHARES = np.array([0.04, 0.2, 0.2, 0.2, 0.16, 0.12, 0.08])


class Real:
    """Stands for an argument of real numbers in a drawn call.

    Parameters
    ----------
    array : numpy.ndarray
        Its values, float64.
    gradient : bool
        Whether the argument takes a gradient.
    written : bool
        Whether the call writes to it; it is then an array of its own.
    finite : bool
        Whether NaN and infinity have no meaning there.
    """

    def __init__(self, array, gradient=True, written=False, finite=False):
        self.array, self.gradient, self.written, self.finite = array, gradient, written, finite or written


class Whole:
    """Stands for an argument of integers, labels say."""

    def __init__(self, array):
        self.array = np.asarray(array)


def sizes(rng, n, least=0):
    """n lengths of axes."""
    return tuple(max(least, int(k)) for k in rng.choice(SIZES, n, p=SHARES))


def shape(rng, least=0, most=4):
    return sizes(rng, int(rng.integers(least, most + 1)))


def normal(rng, *lengths, **options):
    return Real(rng.standard_normal(lengths), **options)


def pick(rng, *values):
    return values[rng.integers(len(values))]


def maybe(rng, share=0.5):
    return bool(rng.random() < share)


# --- contents --------------------------------------------------------------------------------------------------------

SPECIAL = (np.nan, np.inf, -np.inf, 1e-40, -1e-40, 0.0, -0.0, 1.0)
HUGE = (1e38, -1e38, 3e38, 2.0**31, 2.0**62)


def sprinkled(rng, array, values):
    """A copy in which some entries are some of `values`."""
    array = np.array(array)
    if array.size:
        for _ in range(rng.integers(1, 4)):
            array.reshape(-1)[rng.integers(array.size)] = pick(rng, *values)
    return array


# --- forms -----------------------------------------------------------------------------------------------------------

def strided(a):
    if not a.ndim:
        return a
    wide = np.zeros([2 * n for n in a.shape], a.dtype)[tuple(slice(None, None, 2) for _ in a.shape)]
    wide[...] = a
    return wide


def reversed_(a):
    back = (slice(None, None, -1),) * a.ndim
    return np.array(a[back], order="C")[back] if a.ndim else a


def misaligned(a):
    block = np.zeros(a.nbytes + 1, np.uint8)
    out = np.ndarray(a.shape, a.dtype, block, 1)
    out[...] = a
    return out


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


FORMS = {"plain": lambda a: a, "strided": strided, "reversed": reversed_, "misaligned": misaligned,
         "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")), "read-only": read_only,
         "column-major": lambda a: np.array(a, order="F"),
         "channels-last": lambda a: np.array(a.transpose(0, *range(2, a.ndim), 1), order="C").transpose(
             0, a.ndim - 1, *range(1, a.ndim - 1)) if a.ndim > 2 else a}
WRAPS = {"array": lambda a: a, "tensor": td.Tensor, "leaf": lambda a: td.Tensor(a, requires_grad=a.dtype.kind == "f"),
         "list": lambda a: a.tolist()}


# --- things that no argument should be -------------------------------------------------------------------------------

def odd_things():
    """Replacements for any argument, by name."""
    loop = []
    loop.append(loop)
    return {
        "None": None, "True": True, "0": 0, "-1": -1, "1": 1, "7": 7, "1.5": 1.5, "2.0": 2.0, "-2**31": -2**31,
        "2**31-1": 2**31 - 1, "2**31": 2**31, "2**62": 2**62, "2**63": 2**63, "-2**63": -2**63, "10**30": 10**30,
        "nan": float("nan"), "inf": float("inf"), "-inf": float("-inf"), "1e38": 1e38, "5e-324": 5e-324, "'x'": "x",
        "''": "", "b'x'": b"x", "()": (), "[]": [], "{}": {}, "set": {1}, "(1, 1)": (1, 1), "(2, -1)": (2, -1),
        "(None, 1)": (None, 1), "(2**62, 1)": (2**62, 1), "[nan]": [float("nan")], "(1, 2, 3, 4, 5)": (1, 2, 3, 4, 5),
        "object": object(), "function": len, "class": int, "1j": 1j, "slice": slice(0, 1), "ellipsis": ...,
        "dtype": np.dtype("f4"), "np.int64": np.int64(2), "np.float32": np.float32(0.5), "np.bool": np.bool_(True),
        "np.uint64": np.uint64(2**64 - 1), "0-d": np.zeros((), "f4"), "0-d int": np.array(1), "empty": np.zeros(0, "f4"),
        "empty 4-d": np.zeros((0, 3, 4, 4), "f4"), "1-d": np.ones(5, "f4"), "2-d double": np.ones((2, 3)),
        "8-d": np.ones((1,) * 8, "f4"), "40-d": np.ones((1,) * 40, "f4"), "complex": np.ones(2, "c8"),
        "objects": np.array([None, 1], object), "strings": np.array(["a", "b"]), "dates": np.zeros(2, "M8[s]"),
        "structured": np.zeros(2, "f4,i4"), "masked": np.ma.masked_array(np.ones(3, "f4"), True),
        "matrix of another kind": memoryview(bytearray(4)), "generator": (k for k in (1, 2)), "loop": loop,
        "ragged": [[1], [1, 2]], "tensor": td.Tensor(np.ones(3, "f4")), "leaf": td.Tensor(np.ones((2, 3), "f4"), True),
        "integer tensor": td.Tensor(np.arange(3)), "list of tensors": [td.Tensor(np.ones(2, "f4"))] * 2,
        "no memory behind it": np.lib.stride_tricks.as_strided(np.zeros(1, "f4"), (3, 2**40), (0, 0)),
        "a module": td.nn.ReLU(), "a float subclass": type("F", (float,), {})(0.5), "an int subclass": type(
            "I", (int,), {})(2)}


def neighbours(value):
    """Replacements near a right value, by name."""
    if isinstance(value, (bool, np.bool_)):
        return {"not": not value}
    if isinstance(value, int):
        return {str(k): k for k in (value + 1, value - 1, -value, 2 * value + 1, 100)} | {
            f"{value}.0": float(value), f"[{value}]": [value], f"np.int8({value % 100})": np.int8(value % 100)}
    if isinstance(value, float):
        return {str(k): k for k in (0.0, 1.0, -value, 2 * value, value + 1)} | {f"'{value}'": str(value)}
    if isinstance(value, str):
        return {f"'{word}'": word for word in (value.upper(), value + " ", value[:-1], "mean", "same")}
    if isinstance(value, (tuple, list)):
        kind = type(value)
        near = {"shorter": kind(value[:-1]), "longer": kind((*value, 1)), "backward": kind(value[::-1]),
                "array": np.array([v if isinstance(v, int) else 1 for v in value])}
        for at in range(len(value)):
            for name, thing in (("-1", -1), ("2**31", 2**31), ("None", None), ("nan", float("nan")), ("'x'", "x"),
                                ("1.0", 1.0), ("2**62", 2**62)):
                near[f"[{at}] {name}"] = kind((*value[:at], thing, *value[at + 1:]))
        return near
    return {}


def wrong_arrays(array):
    """Replacements for an array argument, by name."""
    near = {"an axis more": array[None].copy(), "flat": array.reshape(-1).copy(), "transposed": array.T,
            "int64": np.ones(array.shape, "i8"), "bool": np.ones(array.shape, bool), "half": array.astype("f2"),
            "complex": array.astype("c8"), "objects": array.astype(object), "strings": array.astype("U8"),
            "no entries": np.zeros((*array.shape[:-1], 0), array.dtype) if array.ndim else array}
    if array.ndim:
        near |= {"one longer": np.concatenate([array, array[:1]]), "one shorter": array[:-1].copy(),
                 "a number": array.reshape(-1)[:1].sum(), "an axis less": array.sum(0),
                 "broadcast": np.broadcast_to(array[:1], array.shape) if len(array) else array}
    return near
