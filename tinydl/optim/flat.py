"""Gradients of many parameters as one array, into which the backward pass writes."""

import numpy as np

from tinydl import layout

__all__ = ["FlatGradients"]

_ALIGNED = 64  # bytes; vector loads then never cross a cache line


class FlatGradients:
    """Buffers, one for each dtype, in which every parameter has a place for its gradient, in its memory order.

    After `use` the operations write the gradients of the parameters into these places (`Context.room`), so that the
    whole gradient can be sent, added or measured as one array without being copied. What lies between two places is 0.

    Parameters
    ----------
    params : sequence of Tensor
        Leaves; each once.

    Attributes
    ----------
    params : list of Tensor
    buffers : dict of str to array
        One-dimensional, by dtype: "float32", "float64".
    views : list of array
        The place of each parameter's gradient.
    spans : list of (str, int, int)
        Where in which buffer it lies: dtype, begin and end.
    """

    def __init__(self, params):
        self.params = list(params)
        self.spans, ends = [], {}
        for p in self.params:
            name, step = p.dtype.name, _ALIGNED // p.dtype.itemsize
            begin = -(-ends.get(name, 0) // step) * step
            ends[name] = begin + p.size
            self.spans.append((name, begin, begin + p.size))
        self.buffers = {name: layout.zeros((end,), np.dtype(name)) for name, end in ends.items()}
        self.views = [_view(self.buffers[name], begin, p) for p, (name, begin, _) in
                      zip(self.params, self.spans, strict=True)]

    def fits(self, params):
        """Whether these are the parameters, in the memory order that they had."""
        return [*map(id, params)] == [*map(id, self.params)] and all(
            layout.alike(view, p.raw) for view, p in zip(self.views, self.params, strict=True))

    def use(self):
        """Let backward passes write here from now on; gradients that there are stay where they are."""
        for p, view in zip(self.params, self.views, strict=True):
            p._slot = view

    def release(self):
        """Let backward passes write into arrays of their own again."""
        for p, view in zip(self.params, self.views, strict=True):
            if p._slot is view:
                p._slot = None

    def gather(self):
        """Bring every gradient to its place: those that others set, and zeros where there is none.

        Returns
        -------
        array of bool, shape (parameters,)
            Which parameters have a gradient.
        """
        there = np.ones(len(self.params), bool)
        for k, (p, view) in enumerate(zip(self.params, self.views, strict=True)):
            grad = p.grad
            if grad is view:
                continue
            if grad is None:
                view.fill(0)
                there[k] = False
            else:
                view[...] = grad
                p.grad = view
        return there

    def hand_out(self, there):
        """Make the places the gradients of the parameters; None where `there` is False."""
        for p, view, has in zip(self.params, self.views, there, strict=True):
            p.grad = view if has else None


def _view(buffer, begin, p):
    """The part of a buffer from `begin` on in shape and memory order of a parameter."""
    strides = layout.empty_like(p.numpy()).strides
    return np.ndarray(p.shape, p.dtype, buffer, begin * p.dtype.itemsize, strides)
