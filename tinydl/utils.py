"""PyTorch's place for data sets and loaders: `td.utils.data` is `td.data`."""

from tinydl import data

__all__ = ["data"]
