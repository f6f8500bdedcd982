"""What two traces at different batch sizes say of any other: what stays, and what scales with the batch."""

from typing import Any, NamedTuple

import numpy as np

from tinydl.tensor import Tensor

__all__ = ["Made", "Template", "Unlike", "fits", "scaling", "unified"]


class Unlike(Exception):
    """Two runs of the code differ.

    Parameters
    ----------
    path : str
        The module in which they do.
    """

    def __init__(self, path=""):
        super().__init__(path)
        self.path = path


class Made(NamedTuple):
    """A tensor that varies, by the number of the node that made it; None for the input."""

    number: int | None


class Numbers:
    """A tuple of integers, as geometries and shapes are, some of which are a factor times the batch size."""

    def __init__(self, numbers, factors):
        self.numbers, self.factors = numbers, factors  # factors: {place: factor}

    def at(self, N):
        """The tuple for batch size N."""
        found = list(self.numbers)
        for place, factor in self.factors.items():
            found[place] = factor * N
        return tuple(found)


class _Nested(NamedTuple):
    """A tuple, list or dict of other things."""

    kind: type
    keys: Any
    items: list


class _Array(NamedTuple):
    """A constant array, whose shape may scale and whose values are known for one batch size."""

    values: np.ndarray
    shape: Numbers


class _Times(NamedTuple):
    """An integer that is `factor` times the batch size."""

    factor: int


def unified(one, other, N, M, name_of):
    """What holds for the same value at batch sizes N and M; Unlike where nothing does.

    Parameters
    ----------
    one, other
        Arguments of an operation.
    N, M : int
    name_of : callable
        Gives `Made` for a tensor that varies, None for anything else.
    """
    made = name_of(one)
    if made is not None or name_of(other) is not None:
        if made != name_of(other):
            raise Unlike
        return made
    one, other = (x.data if isinstance(x, Tensor) else x for x in (one, other))
    if type(one) is not type(other):
        raise Unlike
    if isinstance(one, np.ndarray):
        shape = unified(one.shape, other.shape, N, M, name_of)
        if one.dtype != other.dtype or one.shape == other.shape and not _same(one, other):
            raise Unlike
        return _Array(other, shape)
    if isinstance(one, (tuple, list, dict, slice)):
        (keys, a), (others, b) = _parts(one), _parts(other)
        if keys != others or len(a) != len(b):
            raise Unlike
        items = [unified(x, y, N, M, name_of) for x, y in zip(a, b, strict=True)]
        if isinstance(one, tuple) and all(type(item) in (int, _Times) for item in items):
            return Numbers(tuple(other), {k: item.factor for k, item in enumerate(items) if type(item) is _Times})
        return _Nested(type(one), keys, items)
    if _same(one, other):
        return one
    if type(one) is int and one * M == other * N and one % N == 0:
        return _Times(one // N)
    raise Unlike


def fits(template, value, N, name_of):
    """Whether a value is what `unified` says for batch size N."""
    kind = type(template)
    if kind is Made:
        return name_of(value) == template
    if kind is Numbers:
        return isinstance(value, tuple) and value == template.at(N)
    if isinstance(value, Tensor):
        if name_of(value) is not None:
            return False
        value = value.data
    if kind is _Array:
        if value is template.values:
            return True
        return (isinstance(value, np.ndarray) and value.dtype == template.values.dtype
                and value.shape == template.shape.at(N)
                and (value.shape != template.values.shape or _same(value, template.values)))
    if kind is _Nested:
        if type(value) is not template.kind:
            return False
        keys, items = _parts(value)
        return (keys == template.keys and len(items) == len(template.items)
                and all([fits(a, b, N, name_of) for a, b in zip(template.items, items, strict=True)]))
    if kind is _Times:
        return type(value) is int and value == template.factor * N
    return _same(template, value)


def scaling(arguments):
    """What scales with the batch in (args, kwargs) that were unified.

    Returns
    -------
    dict, dict
        {place: factor} of the integers by position and by name of the argument; the places of what is not a tuple of
        integers are None.
    """
    args, kwargs = arguments.items
    positional = args.factors if isinstance(args, Numbers) else {}
    found = {k: {None: factor} for k, factor in positional.items()}
    for k, item in enumerate([] if isinstance(args, Numbers) else args.items):
        if factors := _factors(item):
            found[k] = factors
    return found, {name: factors for name, item in zip(kwargs.keys, kwargs.items, strict=True)
                   if (factors := _factors(item))}


def _factors(item):
    if isinstance(item, Numbers):
        return item.factors
    if isinstance(item, _Array):
        return _together(item.shape.factors)
    if isinstance(item, _Times):
        return {None: item.factor}
    if isinstance(item, _Nested):
        return _together({k: max(found.values()) for k, found in enumerate(map(_factors, item.items)) if found})
    return {}


def _together(factors):
    return {None: max(factors.values())} if factors else {}


def _parts(value):
    if isinstance(value, dict):
        return tuple(value), tuple(value.values())
    if isinstance(value, slice):
        return None, (value.start, value.stop, value.step)
    return None, value


def _same(one, other):
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    try:
        return bool(one == other) or bool(one != one and other != other)  # NaN
    except Exception:  # objects that do not say whether they are equal
        return False


class Template:
    """The operations of a graph at any batch size, as far as two traces tell.

    Parameters
    ----------
    one, other : Trace
        At two batch sizes; one trace twice holds for its own size only.

    Attributes
    ----------
    nodes : list of tuple
        Function, arguments, shape and dtype of the result, of each operation.
    result : Made
        The result of all.

    Raises
    ------
    Unlike
        If they differ in more than what scales with the batch.
    """

    def __init__(self, one, other):
        N, M = (trace.inputs[0].shape[0] for trace in (one, other))

        def name_of(x):
            return one.name_of(x) or other.name_of(x)

        self.nodes = []
        for a, b in zip(one.nodes, other.nodes, strict=False):
            try:
                if a.function is not b.function or a.output.dtype != b.output.dtype:
                    raise Unlike
                self.nodes.append((a.function, unified((a.args, a.kwargs), (b.args, b.kwargs), N, M, name_of),
                                   unified(a.output.shape, b.output.shape, N, M, name_of), a.output.dtype))
            except Unlike:
                raise Unlike(a.path) from None
        self.result = one.name_of(one.result)
        if len(one.nodes) != len(other.nodes) or self.result != other.name_of(other.result):
            raise Unlike
