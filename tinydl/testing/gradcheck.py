"""gradcheck: compare gradients from `backward` with finite differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import config, random
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["GradcheckError", "gradcheck"]

_ALL_ENTRIES = 128      # a leaf of up to this size is checked in every entry, a larger one in so many at random
_DIRECTIONS = 3         # random directions per leaf, and through all leaves at once


class GradcheckError(AssertionError):
    """A gradient disagrees with finite differences; the message says where and by how much."""


def gradcheck(f: Callable[..., Any], inputs: Any = (), eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
              raise_exception: bool = True) -> bool:
    """Compare the gradients of `f` with central differences in float64.

    With a random upstream gradient u (never all ones: the gradient of batch norm would vanish) the scalar
    L = sum of u * f(inputs) is differentiated by `backward` and by (L(x + eps d) - L(x - eps d)) / (2 eps): along
    random directions d through each leaf and through all of them at once, and along single entries (every entry of a
    leaf with up to 128, else 128 chosen at random).

    Parameters
    ----------
    f : callable
        A function of tensors that returns a tensor, or a tuple or list of them; or a Module, whose parameters are then
        checked too. A Module in float32 is converted for the check and restored.
    inputs : Tensor, array, or sequence of them
        Arguments of `f`. float64 arrays and tensors with requires_grad are checked; tensors without it, and arrays of
        other kinds (labels), are passed on.
    eps : float
        Step of the differences.
    atol : float
        Error that is forgiven, as a fraction of the largest entry of the leaf's gradient (of its norm, along a
        direction).
    rtol : float
        Relative errors of this size and above are found: more than half of it fails.
    raise_exception : bool
        False returns False instead of raising.

    Returns
    -------
    bool
        True when every gradient agrees.

    Raises
    ------
    GradcheckError
        If a gradient is wrong, missing or not finite; names the leaf, the entry and both values.
    TypeError
        If a leaf or a result is not float64, or nothing takes a gradient.
    ValueError
        If `f` gives different results for equal inputs. (Random numbers of tinydl, as in dropout, are repeated.)

    Notes
    -----
    Where `f` has a kink (ReLU at 0, ties in max-pooling) differences mean nothing: choose inputs away from it.

    Examples
    --------
    >>> import tinydl as td
    >>> td.testing.gradcheck(lambda x: x * x, np.array([1.0, -2.0]))
    True
    """
    if not (eps > 0 and atol >= 0 and rtol > 0):
        raise ValueError(f"gradcheck needs eps > 0, atol >= 0 and rtol > 0, got {eps}, {atol} and {rtol}")
    try:
        with _InFloat64(f), config.enable_grad():
            _Check(f, inputs, eps, atol, rtol).run()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


class _InFloat64:
    """Puts a Module into float64 and everything back at exit: parameters, buffers, gradients."""

    def __init__(self, f):
        self._module = f if hasattr(f, "named_parameters") and hasattr(f, "to") else None

    def __enter__(self):
        if self._module is None:
            return
        self._parameters = [(p, p.data, p.grad) for p in self._module.parameters()]
        self._buffers = [(module, name, array, array.copy()) for module in self._module.modules()
                         for name, array in module._own_buffers()]
        self._module.to(np.float64)

    def __exit__(self, *exc):
        if self._module is None:
            return
        for parameter, data, grad in self._parameters:
            parameter.data, parameter.grad = data, grad
        for module, name, array, values in self._buffers:
            array[...] = values
            setattr(module, name, array)


class _Check:
    """One run: the leaves, the upstream gradients, the comparisons."""

    def __init__(self, f, inputs, eps, atol, rtol):
        self.f, self.eps, self.atol, self.rtol = f, eps, atol, rtol
        self.rng = np.random.default_rng(0)
        self.state = random.state()
        self.leaves = {}    # name -> tensor
        if isinstance(inputs, (Tensor, np.ndarray)) or np.isscalar(inputs):
            inputs = (inputs,)
        self.arguments = [self._argument(k, value) for k, value in enumerate(inputs)]
        if hasattr(f, "named_parameters"):
            known = {id(leaf) for leaf in self.leaves.values()}
            self.leaves.update((f"parameter {name}", p) for name, p in f.named_parameters()
                               if p.requires_grad and id(p) not in known)
        if not self.leaves:
            raise TypeError("gradcheck found nothing that takes a gradient: pass float64 arrays, or tensors with "
                            "requires_grad=True")
        for name, leaf in self.leaves.items():
            if leaf.dtype != np.float64:
                raise TypeError(f"gradcheck needs float64, {name} is {leaf.dtype}: convert it with "
                                ".astype(np.float64) (differences in float32 are mostly rounding)")

    def _argument(self, k, value):
        if not isinstance(value, Tensor):
            array = np.asarray(value)
            if array.dtype.kind != "f":
                return value
            value = Tensor(array, requires_grad=True)
        if value.requires_grad:
            if value.creator is not None:
                raise TypeError(f"gradcheck: input {k} is the result of {value.creator.name}, not a leaf; pass "
                                "tensor.detach() made a leaf by td.tensor(..., requires_grad=True)")
            if not any(value is leaf for leaf in self.leaves.values()):
                self.leaves[f"input {k}"] = value
        return value

    def _outputs(self):
        saved = random.state()
        random.set_state(self.state)  # dropout draws the same mask every time
        outputs = self.f(*self.arguments)
        random.set_state(saved)
        outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
        for k, output in enumerate(outputs):
            if not isinstance(output, Tensor):
                raise TypeError(f"gradcheck: result {k} is a {type(output).__name__}, expected a Tensor")
            if output.dtype != np.float64:
                raise TypeError(f"gradcheck: result {k} is {output.dtype}, expected float64: the function lowers the "
                                "precision of its inputs")
        return outputs

    def _value(self):
        with config.no_grad():
            return sum(float(np.vdot(u, np.ascontiguousarray(y.data)))
                       for u, y in zip(self.upstream, self._outputs(), strict=True))

    def _difference(self, directions):
        """Derivative of L along `directions`, a dict from leaf name to array."""
        old = {name: self.leaves[name].data for name in directions}
        values = []
        try:
            for sign in (1, -1):
                for name, direction in directions.items():
                    self.leaves[name].data = old[name] + sign * self.eps * direction
                values.append(self._value())
        finally:
            for name, data in old.items():
                self.leaves[name].data = data
        return (values[0] - values[1]) / (2 * self.eps)

    def _gradients(self):
        outputs = self._outputs()
        # None near 0, lest an error hide behind it.
        self.upstream = [self.rng.choice([-1.0, 1.0], y.shape) * self.rng.uniform(0.5, 1.5, y.shape) for y in outputs]
        # Rounding of L, which the differences divide by eps.
        size = sum(float(np.abs(u * y.data).sum()) for u, y in zip(self.upstream, outputs, strict=True))
        self.noise = 8 * np.finfo(np.float64).eps * size / self.eps
        for leaf in self.leaves.values():
            leaf.grad = None
        for u, y in zip(self.upstream, outputs, strict=True):
            if y.requires_grad:
                y.backward(u, retain_graph=True)
        gradients = {}
        for name, leaf in self.leaves.items():
            gradients[name] = np.zeros(leaf.shape) if leaf.grad is None else np.array(leaf.grad)
            leaf.grad = None
            if gradients[name].shape != leaf.shape:
                raise GradcheckError(f"{name}: the gradient has shape {gradients[name].shape}, the tensor {leaf.shape}")
            if not np.isfinite(gradients[name]).all():
                where = tuple(np.argwhere(~np.isfinite(gradients[name]))[0].tolist())
                raise GradcheckError(f"{name}: the gradient at {where} is {gradients[name][where]}")
        return gradients

    def _compare(self, analytic, numeric, scale, where):
        limit = 0.5 * self.rtol * abs(numeric) + self.atol * scale + self.noise
        if not abs(analytic - numeric) <= limit:  # so that NaN fails
            raise GradcheckError(f"{where}: backward gives {analytic:.9g}, finite differences {numeric:.9g}: they "
                                 f"differ by {abs(analytic - numeric):.3g}, allowed is {limit:.3g}")

    def run(self):
        saved = {name: leaf.grad for name, leaf in self.leaves.items()}
        try:
            self._run()
        finally:
            for name, leaf in self.leaves.items():
                leaf.grad = saved[name]

    def _run(self):
        gradients = self._gradients()
        first, second = self._value(), self._value()
        if abs(first - second) > self.noise * self.eps:  # more than rounding (batch norm's origin moves, for example)
            raise ValueError(f"gradcheck: the function gives {first!r} and then {second!r} for equal inputs; fix its "
                             "random numbers")
        for name, gradient in gradients.items():
            largest = float(np.abs(gradient).max(initial=0))
            flat = np.arange(gradient.size)
            if gradient.size > _ALL_ENTRIES:
                flat = self.rng.choice(gradient.size, _ALL_ENTRIES, replace=False)
            for k in flat:
                where = np.unravel_index(k, gradient.shape)
                direction = np.zeros(gradient.shape)
                direction[where] = 1
                self._compare(float(gradient[where]), self._difference({name: direction}), largest,
                              f"{name}, entry {tuple(int(i) for i in where)}")
            for _ in range(_DIRECTIONS if gradient.size > _ALL_ENTRIES else 0):
                self._along({name: gradient}, name)
        if len(gradients) > 1:
            for _ in range(_DIRECTIONS):
                self._along(gradients, "all leaves")

    def _along(self, gradients, what):
        directions = {name: self.rng.standard_normal(g.shape) for name, g in gradients.items()}
        analytic = sum(float((gradients[name] * d).sum()) for name, d in directions.items())
        norm = float(np.sqrt(sum((g * g).sum() for g in gradients.values())))
        self._compare(analytic, self._difference(directions), norm, f"{what}, along a random direction")
