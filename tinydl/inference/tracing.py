"""Tracing a model: the graph of one call, in which no Python code sees a value.

A frozen network computes what the graph says, without the Python code that made it. That is right as long as the code
does the same for every input of a shape. Its tensors are `Watched` therefore: they have a shape and a type, and note it
when somebody asks for their values. A `Trace` computes them, on few images. A `Replay` runs the code at another batch
size without computing anything: it holds each operation and its arguments to what two traces said of them.
"""

import weakref

import numpy as np

from tinydl import config
from tinydl.graph import Description, Graph, tensors_in
from tinydl.inference.template import Made, Unlike, fits
from tinydl.tensor import Tensor

__all__ = ["ModuleCall", "Replay", "Trace", "Watched"]


class Watched(Tensor):
    """A tensor of a trace.

    Parameters
    ----------
    trace : Trace
    shape : tuple of int
    dtype : numpy.dtype
    computed : Tensor or None
        The tensor with the values; None in a replay.
    """

    __slots__ = ("origin", "form", "computed")

    def __init__(self, trace, shape, dtype, computed):
        # The trace holds its tensors: with a hold on the trace these would live until Python looks for such circles.
        self.origin, self.form, self.computed = weakref.ref(trace), (tuple(shape), dtype), computed
        self.grad, self.requires_grad, self.creator = None, False, None

    @property
    def raw(self):
        self._read()
        if self.computed is None:
            raise Unlike
        return self.computed.data  # an array: who reads it may keep it

    @raw.setter
    def raw(self, values):
        self._read()
        raise Unlike

    def _read(self):
        trace = self.origin()
        if trace is not None:
            trace.read()

    @property
    def shape(self):
        return self.form[0]

    @property
    def dtype(self):
        return self.form[1]

    def detach(self):
        """The tensor itself: a trace records no gradients."""
        return self


class ModuleCall:
    """A module in the place of a Function: its code sees values, so that it is called as it is."""

    def __init__(self, path, module):
        self.path, self.module = path, module
        self.__name__ = type(module).__name__

    def apply(self, *args, **kwargs):
        """Call the module."""
        return self.module(*args, **kwargs)

    def describe(self, node):
        """Nothing is known of it."""
        return Description()

    def lower(self, node, builder):
        """There is no other form."""


class Trace(Graph):
    """The graph of a call on the array `x`.

    Parameters
    ----------
    x : numpy.ndarray
    called : dict
        ModuleCalls by path: these modules are one operation each.

    Attributes
    ----------
    read_in : str or None
        The module whose code first asked for a value.
    """

    notes_constants = False

    def __init__(self, x, called):
        super().__init__(Watched(self, x.shape, x.dtype, self.start(x)))
        self.called, self.read_in, self.result = called, None, None

    def start(self, x):
        """The input with its values."""
        return Tensor(x)

    def run(self, model):
        """Call the model and keep its `result`."""
        before = config.mode.recorder
        config.mode.recorder = self
        try:
            with config.no_grad(), self.following(model), np.errstate(all="ignore"):
                self.result = model(self.inputs[0])
        finally:
            config.mode.recorder = before
        return self

    def name_of(self, x):
        """`Made` for a tensor of this trace, else None."""
        if type(x) is not Watched or x.origin() is not self:
            return None
        maker = self.maker(x)
        return Made(None if maker is None else maker.number)

    def read(self):
        """Note that the code that runs has asked for a value."""
        if self.read_in is None:
            self.read_in = self.path

    def varying_in(self, args, kwargs):
        watched = [x for x in tensors_in((args, kwargs)) if type(x) is Watched]
        varying = tuple([x for x in watched if x.origin() is self])
        if len(varying) < len(watched):
            self.read()  # a tensor of an earlier call, which the model has kept
        return varying

    def compute(self, function, args, kwargs, varying):
        if not varying:
            return function.apply(*args, **kwargs)
        output = function.apply(*_computed(args), **_computed(kwargs))
        if not isinstance(output, Tensor):  # a module that returns something else: its caller sees values
            self.read()
            return output
        return Watched(self, output.shape, output.dtype, output)

    def call(self, call, forward, args, kwargs):
        if call.path not in self.called or not any(map(self.varies, tensors_in((args, kwargs)))):
            return forward(*args, **kwargs)
        self._open.pop()  # what happens to the result is its caller's doing
        try:
            return self.apply(self.called[call.path], args, kwargs)
        finally:
            self._open.append(call)


class Replay(Trace):
    """A trace that computes nothing: it follows a template at another batch size.

    Parameters
    ----------
    template : Template
    shape : tuple of int
    """

    def __init__(self, template, shape, called):
        self.template, self.N, self.unlike_in = template, shape[0], None
        super().__init__(np.broadcast_to(np.float32(0), shape), called)

    def start(self, x):
        return None

    def compute(self, function, args, kwargs, varying):
        if not varying:
            return function.apply(*args, **kwargs)
        if len(self.nodes) < len(self.template.nodes):
            expected, arguments, shape, dtype = self.template.nodes[len(self.nodes)]
            if function is expected and fits(arguments, (args, kwargs), self.N, self.name_of):
                return Watched(self, shape.at(self.N), dtype, None)
        self.unlike_in = self.path
        raise Unlike(self.path)

    def run(self, model):
        super().run(model)
        if self.unlike_in is None and (len(self.nodes), self.name_of(self.result)) != (len(self.template.nodes),
                                                                                       self.template.result):
            self.unlike_in = ""
        if self.unlike_in is not None:  # even if the code has caught it
            raise Unlike(self.unlike_in)
        return self


def _computed(arguments):
    """The arguments with the tensors that hold values."""
    if isinstance(arguments, Watched):
        if arguments.computed is None:
            raise Unlike
        return arguments.computed
    if type(arguments) in (tuple, list):
        return type(arguments)([_computed(argument) for argument in arguments])
    if type(arguments) is dict:
        return {name: _computed(argument) for name, argument in arguments.items()}
    return arguments
