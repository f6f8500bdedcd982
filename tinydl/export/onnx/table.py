"""The table of what each operation is in ONNX.

A row is a function ``row(w, node)`` for a Function: it adds nodes to the `Writer` `w` and returns the name of the
result. ``node["x"]`` is the argument x of the operation's forward, and ``w.input`` names it. An operation of your own
gets a row the same way::

    @td.export.onnx.row(Square)
    def square(w, node):
        return w.add("Mul", w.input(node["x"]), w.input(node["x"]))
"""

__all__ = ["ROWS", "Refused", "Row", "row"]

ROWS: dict = {}  # by Function


class Refused(ValueError):
    """What ONNX cannot say of a call of an operation; the writer adds where the call is."""


class Row:
    """How calls of an operation are written.

    Parameters
    ----------
    write : callable
    scales : tuple of str
        Arguments in which `write` expects integers that scale with the batch; a file cannot hold others.
    """

    def __init__(self, write, scales):
        self.write, self.scales = write, scales


def row(*functions, scales=()):
    """Make a function ``row(w, node)`` the row of one or more Functions.

    Parameters
    ----------
    *functions : type
        Subclasses of `tinydl.Function`.
    scales : tuple of str
        Arguments that may hold integers which scale with the batch, such as a shape.
    """
    def add(write):
        for function in functions:
            ROWS[function] = Row(write, scales)
        return write

    return add
