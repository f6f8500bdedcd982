"""What Python's own modules raise of damaged archives and packed files."""

import zipfile
import zlib

try:
    import lzma
except ImportError:  # a Python built without it cannot raise its error either
    _LZMA: tuple[type[Exception], ...] = ()
else:
    _LZMA = (lzma.LZMAError,)

__all__ = ["DAMAGED"]

# RuntimeError: encrypted, or packed in a way that zipfile does not know; UnicodeDecodeError: names of members.
DAMAGED: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, zlib.error, *_LZMA, EOFError, RuntimeError, UnicodeDecodeError)
