"""Tar archives that somebody may have damaged or forged: what goes wrong in them is one of tarfile's errors."""

import tarfile

__all__ = ["members", "open_tar"]

# Of sizes in headers, beyond what a seek or a read takes; of a packed stream that ends within its header.
_OTHERS = ValueError, OverflowError, TypeError
_EXTENSIONS = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE,
               tarfile.SOLARIS_XHDTYPE)
_MAX_EXTENSION = 1 << 20  # bytes; longer names no system has


class _Member(tarfile.TarInfo):
    """Names and other words that follow a header are read at once, in memory of the size that it claims."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        found = super().frombuf(buf, encoding, errors)
        if found.type in _EXTENSIONS and found.size > _MAX_EXTENSION:
            raise tarfile.ReadError(f"a name of {found.size:,} bytes")
        return found


def open_tar(*args, **options):
    """`tarfile.open`, whose members `members` gives."""
    try:
        return tarfile.open(*args, tarinfo=_Member, **options)
    except _OTHERS as error:
        raise tarfile.ReadError(str(error)) from None


def members(archive):
    """The members of an open archive, in order."""
    while True:
        try:
            member = archive.next()
        except _OTHERS as error:
            raise tarfile.ReadError(str(error)) from None
        if member is None:
            return
        yield member
