"""The table of what each ONNX operator is here.

A row is a function ``read(op, *inputs)`` under the operator's name. `op` is the `Op`, its attributes by name; inputs
are tensors where they depend on the network's input, NumPy arrays where they do not, None where they are left out. Rows
marked `numbers` compute with arrays too, as the arithmetic of shapes does.
"""

import math

import numpy as np

from tinydl.tensor import Tensor

__all__ = ["READERS", "SETTINGS", "Op", "bounded", "numbers_of", "operator", "tensor"]

_MOST = 2**31  # bytes
READERS: dict = {}
SETTINGS: set = set()  # operators whose inputs after the first say how, and never train


class Op:
    """A node of a file.

    Attributes
    ----------
    kind, name : str
        Operator and name.
    inputs, outputs : tuple of str
    attributes : dict
    version : int
        Opset.
    layer : str
        Path of the module that computes it, '' where a row does.
    """

    def __init__(self, kind, name, inputs, outputs, attributes, version):
        self.kind, self.name, self.inputs, self.outputs = kind, name, tuple(inputs), tuple(outputs)
        self.attributes, self.version, self.layer = attributes, version, ""

    def __getitem__(self, name):
        return self.attributes[name]

    def get(self, name, default=None):
        """An attribute, or its default."""
        return self.attributes.get(name, default)

    @property
    def where(self):
        """What to call it in a message."""
        return f"{self.kind} ({self.name or self.outputs[0]})"

    def read(self, inputs):
        """What its row makes of the inputs.

        Raises
        ------
        ValueError
            Also where attributes or constants do not fit each other, which a file's checker does not see.
        """
        try:
            return READERS[self.kind](self, *inputs)
        except (LookupError, ArithmeticError, AttributeError) as error:
            raise ValueError(f"from_onnx: {self.where} cannot be computed: {type(error).__name__}: {error}") from error

    def made(self, make, arrays, rank):
        """The layer that `make` gives, or None.

        Raises
        ------
        ValueError
            As `read` does, and where no layer takes what the attributes say.
        """
        try:
            return make(self, arrays, rank)
        except (LookupError, ArithmeticError, AttributeError, TypeError) as error:
            raise ValueError(f"from_onnx: {self.where} cannot be a layer: {type(error).__name__}: {error}") from error

    def refuse(self, what, cure):
        """Raise for what there is no form of here."""
        raise ValueError(f"from_onnx: {self.where} {what}; {cure}")


def operator(*names, settings=False):
    """Make a function the row of operators; see SETTINGS."""
    def add(read):
        for name in names:
            READERS[name] = read
        if settings:
            SETTINGS.update(names)
        return read

    return add


def tensor(x):
    """x as a tensor, float64 constants as float32."""
    if isinstance(x, Tensor):
        return x
    x = np.asarray(x)
    return Tensor(x.astype(np.float32) if x.dtype.kind == "f" and x.dtype != np.float32 else x)


def bounded(op, lengths, itemsize=8):
    """The lengths of a constant, if it takes less memory than the largest file may."""
    if min(lengths, default=1) < 0 or math.prod(lengths) * itemsize >= _MOST:
        op.refuse(f"makes a constant of shape {tuple(lengths)}", "a file holds less than 2 GB")
    return lengths


def numbers_of(op, x, what):
    """Integers that an input or attribute holds, as a list; of what depends on the network's input there are none."""
    if x is None:
        return None
    if isinstance(x, Tensor):
        op.refuse(f"takes {what} from values that the network computes", "it must be constant")
    return [int(n) for n in np.atleast_1d(x)]
