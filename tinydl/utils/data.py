"""PyTorch's place for data sets and loaders: the names are those of `tinydl.data`."""

from typing import TYPE_CHECKING

from tinydl import data
from tinydl.data import *  # noqa: F403

__all__ = data.__all__

if not TYPE_CHECKING:  # what says what to write for a missing name
    __getattr__, __dir__ = data.__getattr__, data.__dir__
