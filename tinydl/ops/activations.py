"""Activations: an operation for each row of `_core/reference/activations.py`.

ReLU is not made here but in relu.py: it goes by the sign of its result, also behind a residual sum.
"""

import functools

from tinydl import layout
from tinydl._core import elementwise
from tinydl._core.parallel import team
from tinydl._core.reference.activations import ROWS, Row
from tinydl.function import ValueOperation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, need_float

_OF_ITS_OWN = {"relu"}


class Activation(ValueOperation):
    """y = f(x), element by element; dx = dy f'(x), from x or from y, whichever is cheaper.

    After a batch norm its map and f are computed together; see `tinydl.deferred`.
    """

    row: Row

    @staticmethod
    def forward(ctx, x, parameter):
        row = ctx.function.row
        waiting = x.activated(row.name, parameter)
        if waiting is not None:
            ctx.save_for_backward(waiting)
            return waiting
        x = layout.channels_last(x.array())
        y = layout.empty(x.shape, x.dtype)
        elementwise.activation_forward(row.name, x, y, parameter, team())
        ctx.save_for_backward(y if row.saves == "y" else x, parameter)
        return y

    @staticmethod
    def backward(ctx, dy):
        saved, *parameter = ctx.saved_tensors
        if not parameter:
            return saved.masked(dy)
        dx = layout.empty(saved.shape, saved.dtype)
        elementwise.activation_backward(ctx.function.row.name, saved, layout.channels_last(dy.array()), dx, *parameter,
                                        team())
        return dx

    @staticmethod
    def describe(node):
        return Description(kind="diagonal")

    @staticmethod
    def lower(node, builder):
        return builder.activation(node["x"], node.function.row.name, node["parameter"])


def without_inplace(row, args):
    """What a caller gave by position after x, without PyTorch's `inplace`, which comes last and is of no effect."""
    return args[:-1] if len(args) > bool(row.parameter) and isinstance(args[-1], bool) else args


def _described(row, text):
    """What `help` says about the operation of a row."""
    own = f"\n{row.parameter} : float\n    {row.about}" if row.parameter else ""
    return (f"{text.rstrip()}\n\nParameters\n----------\nx : Tensor or array_like\n    Any shape, float32 or "
            f"float64.{own}\n\nReturns\n-------\nTensor\n    Shape and type of x.\n\nRaises\n------\nTypeError\n    "
            "If x holds no floating-point numbers.\n")


def _operation(row):
    """The lower-case function and its Function."""
    text = "\n".join(line.removeprefix("    ") for line in row.value.__doc__.splitlines())
    function = type(row.layer, (Activation,), {"__doc__": text, "__module__": __name__, "row": row})

    def operation(x, *args, **kwargs):
        x = as_tensor(x)
        need_float(x, row.name)
        return function.apply(x, parameter=row.given(args, kwargs))

    # The signature that inspect and help show is the row's.
    functools.update_wrapper(operation, row.value, ("__name__", "__qualname__"), ())
    operation.__doc__ = _described(row, text)
    return operation, function


OPERATIONS = {}
for _row in ROWS.values():
    if _row.name not in _OF_ITS_OWN:
        OPERATIONS[_row.name], globals()[_row.layer] = _operation(_row)
globals().update(OPERATIONS)

__all__ = ["OPERATIONS", "ROWS", "Activation", "Row", "without_inplace", *OPERATIONS]
