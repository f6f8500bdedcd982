"""For type checkers: the layers that `activation.py` makes of the table of activations. Written by tools/stubs.py."""

from tinydl.nn.activation import Activation

__all__ = [
    "ELU", "GELUTanh", "Hardsigmoid", "Hardswish", "LeakyReLU", "LogSigmoid", "Mish", "ReLU6", "SELU", "SiLU",
    "Sigmoid", "Softsign", "Tanh"
]

class LeakyReLU(Activation):
    negative_slope: float
    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None: ...

class ELU(Activation):
    alpha: float
    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None: ...

class Tanh(Activation):
    def __init__(self, inplace: bool = False) -> None: ...

class Sigmoid(Activation):
    def __init__(self, inplace: bool = False) -> None: ...

class Mish(Activation):
    def __init__(self, inplace: bool = False) -> None: ...

class Hardswish(Activation):
    def __init__(self, inplace: bool = False) -> None: ...

class GELUTanh(Activation):
    def __init__(self, inplace: bool = False) -> None: ...

class SiLU(Activation):
    def __init__(self, inplace: bool = False) -> None: ...

class SELU(Activation):
    def __init__(self, inplace: bool = False) -> None: ...

class ReLU6(Activation):
    def __init__(self, inplace: bool = False) -> None: ...

class Hardsigmoid(Activation):
    def __init__(self, inplace: bool = False) -> None: ...

class LogSigmoid(Activation):
    def __init__(self, inplace: bool = False) -> None: ...

class Softsign(Activation):
    def __init__(self, inplace: bool = False) -> None: ...
