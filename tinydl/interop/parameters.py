"""The arguments of an estimator's network as parameters `net__*`, in scikit-learn's terms."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from sklearn.base import BaseEstimator, clone

from tinydl import nn

if TYPE_CHECKING:
    from typing import Any, Self

__all__ = ["NetParameters"]

_PREFIX = "net__"


class NetParameters(BaseEstimator):
    """An estimator whose `net` may be a function: with net__width=8 it is called with the argument width=8."""

    def _net_parameters(self):
        """{name without net__: value} of those that were given."""
        return {name.removeprefix(_PREFIX): value for name, value in vars(self).items() if name.startswith(_PREFIX)}

    def _net_arguments(self):
        """({name: default} of what `net` takes besides the shape and the number of outputs, whether it takes any)."""
        if self.net is None or isinstance(self.net, nn.Module) or not callable(self.net):
            return {}, False
        try:
            known = list(inspect.signature(self.net).parameters.values())
        except (TypeError, ValueError):  # a function of C tells nothing
            return {}, True
        named = {p.name: p.default for p in known[2:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        return named, any(p.kind == p.VAR_KEYWORD for p in known)

    def _check_net_parameters(self, names):
        known, any_name = self._net_arguments()
        for name in names:
            if name not in known and not any_name:
                takes = "takes " + ", ".join(known) if known else "takes none"
                raise ValueError(f"Invalid parameter '{_PREFIX}{name}' for estimator {type(self).__name__}: net {takes}"
                                 + ("" if known else "; net__ names arguments of a function "
                                    "net(sample_shape, n_outputs, ...)"))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; with `deep` also the defaults of `net`'s arguments, as net__*."""
        found = super().get_params(deep)
        if deep:
            defaults = self._net_arguments()[0].items()
            found |= {_PREFIX + name: value for name, value in defaults if value is not inspect.Parameter.empty}
            found |= {_PREFIX + name: value for name, value in self._net_parameters().items()}
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, net__* for arguments of `net`; returns the estimator."""
        inner = {name: value for name, value in params.items() if name.startswith(_PREFIX)}
        super().set_params(**{name: value for name, value in params.items() if name not in inner})
        self._check_net_parameters(name.removeprefix(_PREFIX) for name in inner)
        for name, value in inner.items():
            setattr(self, name, value)
        return self

    def __sklearn_clone__(self) -> Self:
        copied = super().__sklearn_clone__()
        for name, value in self._net_parameters().items():
            setattr(copied, _PREFIX + name, clone(value, safe=False))
        return copied
