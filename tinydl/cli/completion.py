"""Shell completion, by argcomplete where it is installed: ``eval "$(register-python-argcomplete tinydl)"``."""

import contextlib
import os

from tinydl.cli.parser import flags_of

__all__ = ["complete", "name_values"]


def name_values(parser):
    """Let the flags that take a name know the names there are.

    Parameters
    ----------
    parser : Parser
        Of all commands. argcomplete asks an action's `completer` for what may stand there.
    """
    from tinydl import models, optim
    from tinydl.data import BY_NAME
    from tinydl.data.augmentations import AUGMENTATIONS
    from tinydl.data.features import FEATURES
    from tinydl.recipes import RECIPES
    from tinydl.train.building import SCHEDULES

    flags = flags_of(parser.commands["train"])
    for flag, names in {
        "--model": models.INPUT_SHAPES, "--recipe": RECIPES, "--optimizer": optim.BY_NAME, "--schedule": SCHEDULES,
        "--mode": ("L", "RGB"), "--task": ("classes", "regression", "labels"), "--features": ("none", *FEATURES),
        "--class-weights": ("balanced", "none"), "--augment": ("none", *AUGMENTATIONS),
    }.items():
        flags[flag].completer = _beginning(names)
    flags["--data"].completer = _beginning(BY_NAME, files=True)
    model = next(action for action in parser.commands["summary"]._actions if action.dest == "model")
    model.completer = _beginning(models.INPUT_SHAPES)


def _beginning(names, files=False):
    """A completer that gives the names which begin as what is typed, and files where they may stand too."""
    def completer(prefix, **asked):
        found = [name for name in names if name.startswith(prefix)]
        if files:
            from argcomplete.completers import FilesCompleter

            found += FilesCompleter()(prefix, **asked)
        return found
    return completer


def complete(parser):
    """Answer the shell and end the program, where it is the shell that asks."""
    if "_ARGCOMPLETE" in os.environ:
        with contextlib.suppress(ImportError):
            import argcomplete

            name_values(parser)
            argcomplete.autocomplete(parser)
