"""Optimisers by name, for the command line, runs and the scikit-learn classifier."""

from typing import Any, NamedTuple

__all__ = ["BY_NAME", "Choice", "register"]


class Choice(NamedTuple):
    """An optimiser that can be chosen by its name: on the command line, in a run, in the scikit-learn classifier.

    Attributes
    ----------
    kind : type
        The class.
    lr : float
        Learning rate where none is given.
    options : dict
        Arguments in which the choice differs from the class's defaults.
    note : str
        What a user should know about them, or ''.
    """

    kind: Any
    lr: float
    options: dict[str, Any]
    note: str

    def make(self, params, lr=None, **settings):
        """The optimiser of `params` with a learning rate and other hyper-parameters."""
        return self.kind(params, lr=self.lr if lr is None else lr, **{**self.options, **settings})


BY_NAME: dict[str, Choice] = {}


def register(name, note="", *, lr, **options):
    """A decorator that puts an optimiser into `BY_NAME`; see `Choice` for the arguments."""
    def enter(kind):
        BY_NAME[name] = Choice(kind, lr, options, note)
        return kind

    return enter
