"""PyTorch's place for `data`, so that a script's import changes in one word."""

from tinydl.utils import data

__all__ = ["data"]
