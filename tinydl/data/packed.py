"""Archives and packed files: what Python's own modules raise of damaged ones, and how much they can hold."""

import zipfile
import zlib

try:
    import lzma
except ImportError:  # a Python built without it cannot raise its error either
    _LZMA: tuple[type[Exception], ...] = ()
else:
    _LZMA = (lzma.LZMAError,)

__all__ = ["DAMAGED", "MAX_RATIO"]

MAX_RATIO = 1032  # deflate never packs more than this many bytes into one

# RuntimeError: encrypted, or packed in a way that zipfile does not know; UnicodeDecodeError: names of members.
DAMAGED: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, zlib.error, *_LZMA, EOFError, RuntimeError, UnicodeDecodeError)
