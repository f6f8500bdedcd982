"""A table of a net: layers, shapes, parameters, multiply-adds, receptive fields, memory, algorithms."""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING

from tinydl import _html
from tinydl.inspect.receptive_field import Extent, fields
from tinydl.inspect.trace import sample_shape, trace
from tinydl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tinydl.nn.module import Module

__all__ = ["Row", "Summary", "summary"]

_LEFT = (0, 1, 7)  # columns of words
_WIDTH, _LEAST = 80, 20  # columns of a line that is printed, and of a layer's name in it

Row = namedtuple("Row", ["name", "kind", "output_shape", "parameters", "multiply_adds", "receptive_field",
                         "activation_bytes", "algorithm"])
Row.__doc__ = """One layer of a summary.

`name` is its dotted name, `kind` its class; shapes, multiply-adds and bytes are for one sample. `parameters` are those
the layer holds itself and no earlier row has counted; None marks a layer all of whose parameters an earlier row has.
`algorithm` is 'direct', 'winograd', 'im2col' or 'depthwise' for convolutions, else ''.
"""


class Summary:
    """What `summary` returns; printing it shows the table.

    Attributes
    ----------
    rows : list of Row
        In the order of computation. A block's own row, after those of its layers, holds what it computes itself
        (the residual sum and ReLU, for example).
    input_shape, output_shape : tuple of int
    parameters : int
        Each shared parameter once.
    trainable : int
        Those that require a gradient.
    multiply_adds : int
        For one sample, biases excluded.
    activation_bytes : int
        Bytes of all results for one sample: what training holds at most. It holds less where batch norm and ReLU leave
        their work to the layer that reads them.
    receptive_field : Extent
        Of the output.
    """

    def __init__(self, rows, input_shape, output_shape, parameters, trainable, name):
        self.rows, self.input_shape, self.output_shape = rows, input_shape, output_shape
        self.parameters, self.trainable, self.name = parameters, trainable, name
        self.multiply_adds = sum(row.multiply_adds for row in rows)
        self.activation_bytes = sum(row.activation_bytes for row in rows)
        self.receptive_field = rows[-1].receptive_field if rows else Extent(())

    def _repr_html_(self):
        head = ("layer", "kind", "output", "parameters", "multiply-adds", "receptive field", "activations",
                "algorithm")
        lines = [(row.name, row.kind, _shape(row.output_shape), _parameters(row), _count(row.multiply_adds),
                  str(row.receptive_field), _bytes(row.activation_bytes), row.algorithm) for row in self.rows]
        total = ("total", "", _shape(self.output_shape), f"{self.parameters:,}", f"{self.multiply_adds:,}",
                 str(self.receptive_field), _bytes(self.activation_bytes), "")
        return _html.table(head, lines, f"{self.name}, input {_shape(self.input_shape)}, one sample", _LEFT, total)

    def __str__(self):
        head = (("kind", "output"), "params", "MACs", "field", "KiB")
        lines = [((f"{row.kind} {row.algorithm}".rstrip(), _shape(row.output_shape)), _parameters(row),
                  _rounded(row.multiply_adds), str(row.receptive_field), _kib(row.activation_bytes))
                 for row in self.rows]
        names, table = [row.name for row in self.rows], _columns([head, *lines])
        room = max(_LEAST, _WIDTH - 2 - len(table[0]))
        width = max((len(name) for name in ["layer", *names] if len(name) <= room), default=0)
        out = [f"{self.name}, input {_shape(self.input_shape)}, one sample", f"{'layer':{width}}  {table[0]}"]
        out.append("-" * (width + 2 + len(table[0])))
        for name, line in zip(names, table[1:], strict=True):
            if len(name) > width:  # has a line of its own
                out.append(name)
                name = ""
            out.append(f"{name:{width}}  {line}")
        out += [out[2], f"total: {self.parameters:,} parameters, {self.multiply_adds:,} multiply-adds (MACs),",
                f"{_bytes(self.activation_bytes)} of activations, receptive field {self.receptive_field}, output "
                f"{_shape(self.output_shape)}"]
        if self.trainable != self.parameters:
            out.append(f"{self.trainable:,} parameters are trained, {self.parameters - self.trainable:,} are frozen")
        return "\n".join(out)

    __repr__ = __str__


def _shape(shape):
    return "x".join(map(str, shape)) or "1"


def _columns(lines):
    """Lines of columns to the right; the first is a pair, whose parts share the room that they leave each other."""
    shared = max(len(word) + 2 + len(number) for (word, number), *_ in lines)
    widths = [max(map(len, column)) for column in zip(*(cells for _, *cells in lines), strict=True)]
    return ["  ".join([word + number.rjust(shared - len(word)),
                       *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))])
            for (word, number), *cells in lines]


def _parameters(row):
    return "shared" if row.parameters is None else _count(row.parameters)


def _count(n):
    return f"{n:,}" if n else "-"


def _rounded(n):
    """A count in five characters at most: 2.36M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if n >= 0.9995 * size:
            return f"{n / size:.{max(0, 3 - len(str(round(n / size))))}f}{unit}"
    return _count(n)


def _kib(n):
    return f"{n / 1024:,.1f}" if n >= 52 else f"{n / 1024:.3f}" if n else "-"


def _bytes(n):
    if n < 1024:
        return f"{n} B" if n else "-"
    return f"{n / 1024:,.1f} KiB" if n < 1024**2 else f"{n / 1024**2:,.1f} MiB"


def summary(net: Module, input_shape: Sequence[int]) -> Summary:
    """Table of a net by layer: output shape, parameters, multiply-adds, receptive field, activation memory, algorithm.

    One sample of zeros passes through a copy of the net in evaluation mode; everything is read from the operations that
    run, so residual and branched nets, functional code and shared layers count right.

    Parameters
    ----------
    net : nn.Module
    input_shape : tuple of int
        Shape of one sample, for example (3, 32, 32), without the batch axis.

    Returns
    -------
    Summary
        Printing it shows the table; its attributes hold the numbers.

    Raises
    ------
    ValueError
        If `input_shape` is no shape, or the net cannot take it; the message of the layer says why.

    Examples
    --------
    >>> import tinydl as td
    >>> table = summary(td.nn.Conv2d(3, 10, 5, padding=2), (3, 32, 32))
    >>> table.output_shape, table.parameters, table.multiply_adds
    ((10, 32, 32), 760, 768000)
    """
    shape = sample_shape(input_shape)
    graph = trace(net, shape)
    field = fields(graph)
    rows: list[Any] = []
    counted: set[int] = set()
    for call in graph.calls:
        own = [p for _, p in call.module._own(Parameter)]
        fresh = {id(p): p for p in own if id(p) not in counted}
        counted.update(fresh)
        is_leaf = next(call.module.children(), None) is None
        if not (is_leaf or own or call.nodes):
            continue
        told = [node.describe() for node in call.nodes]
        rows.append(Row(
            name=call.path or "(net)", kind=type(call.module).__name__, output_shape=_of_a_sample(call.output),
            parameters=None if own and not fresh else sum(p.size for p in fresh.values()),
            multiply_adds=sum(said.multiply_adds for said in told), receptive_field=Extent(field(call.output).extent),
            activation_bytes=sum(node.output.size * node.output.dtype.itemsize for node in call.nodes),
            algorithm=", ".join(dict.fromkeys(said.algorithm for said in told if said.algorithm))))
    every = list(net.parameters())
    return Summary(rows, shape, _of_a_sample(graph.calls[-1].output), sum(p.size for p in every),
                   sum(p.size for p in every if p.requires_grad), type(net).__name__)


def _of_a_sample(output):
    """The shape of a module's output without the batch axis; () for what is no tensor."""
    return output.shape[1:] if isinstance(output, Tensor) else ()
