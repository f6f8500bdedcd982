"""What Python's own modules raise of damaged archives and packed files."""

import zipfile
import zlib

try:
    from lzma import LZMAError
except ImportError:  # a Python built without it cannot raise it either
    LZMAError = EOFError

__all__ = ["DAMAGED"]

# RuntimeError: encrypted, or packed in a way that zipfile does not know; UnicodeDecodeError: names of members.
DAMAGED = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, RuntimeError, UnicodeDecodeError)
