"""Parts of a net that are not trained, or only in the first epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl._check import integer
from tinydl.nn import Module
from tinydl.train.callbacks import Callback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinydl._types import AnyModule
    from tinydl.train.trainer import Trainer

__all__ = ["Freeze", "freeze", "unfreeze"]


def _checked(owner, module):
    if not isinstance(module, Module):
        raise TypeError(f"{owner}() takes a layer or a net, got {module!r}"
                        + (f"; write {owner}(net[{module!r}])" if isinstance(module, (int, str)) else ""))
    return module


def freeze(module: AnyModule) -> AnyModule:
    """Take a layer, or a net, out of the training: its parameters get no gradient, and it stays in evaluation mode.

    `Trainer.fit` keeps it there whatever ``net.train()`` says, so a batch norm keeps its running statistics and dropout
    does nothing. (Keras: ``layer.trainable = False``. PyTorch: ``eval()`` and ``requires_grad_(False)``, of which
    ``train()`` undoes the first.) It is the program's setting and not the checkpoint's: freeze again before a resumed
    `fit`. `tinydl.freeze` is something else, a snapshot of a net that only predicts.

    Parameters
    ----------
    module : nn.Module

    Returns
    -------
    nn.Module
        The module.
    """
    for part in _checked("freeze", module).modules():
        part._frozen = True
    return module.requires_grad_(False).eval()


def unfreeze(module: AnyModule) -> AnyModule:
    """Undo `freeze`: training mode and gradients for all that the module holds; returns the module."""
    for part in _checked("unfreeze", module).modules():
        part._frozen = False
    return module.requires_grad_(True).train()


class Freeze(Callback):
    """Train some parameters in the first epochs only, and save the time for their gradients in the others.

    When the training ends they may be trained again.

    Parameters
    ----------
    parameters : sequence of str
        Names as `net.named_parameters()` has them.
    epochs : int
        In how many epochs they are trained.
    """

    def __init__(self, parameters: Sequence[str], epochs: int) -> None:
        self.parameters = [parameters] if isinstance(parameters, str) else list(parameters)
        self.epochs = integer("Freeze", "epochs", epochs, 0)

    def _chosen(self, trainer):
        known = dict(trainer.net.named_parameters())
        unknown = [name for name in self.parameters if name not in known]
        if unknown:
            raise ValueError(f"Freeze: the net has no parameter {', '.join(unknown)}; it has {', '.join(known)}")
        return [known[name] for name in self.parameters]

    def on_fit_begin(self, trainer: Trainer) -> None:
        self._chosen(trainer)

    def on_epoch_begin(self, trainer: Trainer) -> None:
        for p in self._chosen(trainer):
            p.requires_grad = trainer.epoch < self.epochs

    def on_fit_end(self, trainer: Trainer) -> None:
        for name, p in trainer.net.named_parameters():
            p.requires_grad = p.requires_grad or name in self.parameters
