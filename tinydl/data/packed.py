"""Archives and packed files: what Python's own modules raise of damaged ones, and how much they can hold."""

import zipfile
import zlib

try:
    import lzma
except ImportError:  # a Python built without it cannot raise its error either
    _LZMA: tuple[type[Exception], ...] = ()
else:
    _LZMA = (lzma.LZMAError,)

__all__ = ["DAMAGED", "MAX_RATIO", "members", "open_tar"]

MAX_RATIO = 1032  # deflate never packs more than this many bytes into one

# RuntimeError: encrypted, or packed in a way that zipfile does not know; UnicodeDecodeError: names of members.
DAMAGED: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, zlib.error, *_LZMA, EOFError, RuntimeError, UnicodeDecodeError)

# Of sizes in headers: beyond what a seek or a read takes; of a packed stream that ends within its header.
_FOREIGN = ValueError, OverflowError, TypeError


def open_tar(*args, **options):
    """`tarfile.open`, to be read by `members`; of sizes that no file has tarfile raises other errors than its own."""
    import tarfile

    try:
        return tarfile.open(*args, **options)
    except _FOREIGN as error:
        raise tarfile.ReadError(str(error)) from None


def members(archive):
    """The members of an open tar, in order."""
    import tarfile

    while True:
        try:
            member = archive.next()
        except _FOREIGN as error:
            raise tarfile.ReadError(str(error)) from None
        if member is None:
            return
        yield member
