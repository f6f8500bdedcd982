"""Reading a model: its graph for a shape, from its own Python code."""

import contextlib

import numpy as np

from tinydl import random
from tinydl.inference.template import Template, Unlike
from tinydl.inference.tracing import ModuleCall, Replay, Trace, Watched
from tinydl.tensor import Tensor

__all__ = ["Apart", "Reader", "Whole"]

_FEW = (2, 3)  # images of the traces that say what scales with the batch; 1 would broadcast


class Whole(Exception):
    """The model as a whole has no graph; it is called as it is."""


class Apart(Exception):
    """The code of a module is more than a graph.

    Parameters
    ----------
    path : str
    why : str
        What it does.
    """

    def __init__(self, path, why):
        super().__init__(path, why)
        self.path, self.why = path, why


class _State:
    """What the modules of a model hold: attributes, and (with `values`) the values of arrays."""

    def __init__(self, model, values=True):
        self.modules = [(path, module, dict(vars(module))) for path, module in model.named_modules()]
        self.arrays = [(path, array, array.copy()) for path, _, held in self.modules if values
                       for array in map(_array_of, held.values()) if array is not None]

    def changed(self):
        """Path of a module that holds something else now, or None."""
        for path, module, held in self.modules:
            now = vars(module)
            if now.keys() != held.keys() or any(not _unchanged(held[name], now[name]) for name in now):
                return path
        for path, array, values in self.arrays:
            if not np.array_equal(array, values, equal_nan=array.dtype.kind == "f"):
                return path
        return None

    def restore(self):
        """Put everything back."""
        for _, module, held in self.modules:
            now = vars(module)
            for name in now.keys() - held.keys():
                del now[name]
            now.update(held)
        for _, array, values in self.arrays:
            array[...] = values


def _array_of(value):
    if isinstance(value, Tensor):
        return None if isinstance(value, Watched) else value.data
    return value if isinstance(value, np.ndarray) else None


def _unchanged(one, other):
    # A tensor that a module keeps is no state as long as nobody reads it, which another trace would find out.
    if one is other or isinstance(other, Watched):
        return True
    return type(one) is type(other) and isinstance(one, (int, float, str, tuple)) and one == other


class Reader:
    """The graphs of a model.

    Parameters
    ----------
    model : Module
        In evaluation mode; nobody else changes it.

    Attributes
    ----------
    apart : dict of str to (ModuleCall, str)
        Modules, by path, that are called as they are, and why.
    """

    def __init__(self, model):
        self.model, self.apart = model, {}
        self._templates: dict = {}  # by the shape of a sample; None where batch sizes have nothing in common
        self._exact: set = set()

    def graph(self, x):
        """The graph of the model on inputs of the shape and type of `x`, with its `result`.

        A template from two traces of few images holds for all batch sizes, as long as the code does the same there:
        it runs once for each, without computing anything. Code that depends on the batch size is traced at that size.

        Parameters
        ----------
        x : numpy.ndarray
            Some of its images are what traces are made of.

        Returns
        -------
        Replay

        Raises
        ------
        Whole
            If there is none; it says why.
        """
        with self._undisturbed(values=False):
            while True:
                try:
                    return self._graph(x)
                except Apart as found:
                    self._set_apart(found.path, found.why)

    def distrust(self, sample):
        """Trace each batch size of this shape of sample from now on; returns False where that was done before.

        For an operation that gave another shape than other batch sizes let expect.
        """
        new = sample not in self._exact
        self._exact.add(sample)
        return new

    @contextlib.contextmanager
    def _undisturbed(self, values):
        """Traces are no calls: random numbers and what modules count or keep are as before them."""
        state = _State(self.model, values)
        try:
            with random.uncounted():  # the process's own numbers are drawn by other threads meanwhile
                yield
        finally:
            state.restore()

    def _graph(self, x):
        sample = x.shape[1:]
        if sample not in self._templates:
            self._templates[sample] = self._learned(x, _FEW)
        template = None if sample in self._exact else self._templates[sample]
        if template is not None:
            with contextlib.suppress(Unlike):
                return self._replay(template, x.shape)
        return self._replay(self._learned(x, ()), x.shape)

    def _learned(self, x, sizes):
        """A template from traces at these batch sizes (None where they differ), or without any at that of x."""
        with self._undisturbed(values=True):
            return self._attempt(x, sizes)

    def learned(self, x):
        """The trace of a call on two images of `x`, which holds three, and the template for all batch sizes.

        Raises
        ------
        Unlike
            If the code does something else with three images.
        Apart, Whole
            If it is more than a graph, or there is no result.
        """
        with self._undisturbed(values=True):
            traces = [self._trace(x[:n]) for n in _FEW]
            template = Template(*traces)
            self._repeat(template, x.shape)
            return traces[0], template

    def _attempt(self, x, sizes):
        if sizes:
            try:
                template = Template(*(self._trace(x[np.arange(n) % len(x)] if len(x) else
                                                  np.zeros((n, *x.shape[1:]), x.dtype)) for n in sizes))
            except Apart:
                raise
            except Exception:  # the code takes no such batch, or does something else with it
                return None
        else:
            trace = self._trace(x)
            template = Template(trace, trace)
        self._repeat(template, (sizes[-1] if sizes else len(x), *x.shape[1:]))
        return template

    def _repeat(self, template, shape):
        """Once more at a size that was traced: now nothing may be new."""
        state = _State(self.model)
        try:
            self._replay(template, shape)
        except Unlike as found:
            raise Apart(found.path, "does something else at every call") from None
        path = state.changed()
        if path is not None:
            raise Apart(path, "changes its state at every call")

    def _calls(self):
        return {path: call for path, (call, _) in self.apart.items()}

    def _trace(self, x):
        trace = Trace(x, self._calls())
        try:
            return trace.run(self.model)
        finally:
            self._held_to(trace)

    def _replay(self, template, shape):
        replay = Replay(template, shape, self._calls())
        try:
            return replay.run(self.model)
        finally:
            self._held_to(replay)

    def _held_to(self, trace):
        """Raise where the code of a trace asked for values, whatever came of it."""
        if trace.read_in is not None:
            raise Apart(trace.read_in, "reads the values of a tensor")
        result = trace.result
        if result is not None and not isinstance(result, Watched):
            raise Whole("returns what does not depend on its input" if isinstance(result, Tensor) else
                        f"returns a {type(result).__name__}, not a tensor")

    def _set_apart(self, path, why):
        """Call the module as it is from now on, or the one around it where that is done already."""
        while path and any(path == known or path.startswith(known + ".") for known in self.apart):
            path = path.rpartition(".")[0]
        if not path:
            raise Whole(why)
        self.apart = {known: call for known, call in self.apart.items() if not known.startswith(path + ".")}
        self.apart[path] = ModuleCall(path, dict(self.model.named_modules())[path]), why
        self._templates.clear()
