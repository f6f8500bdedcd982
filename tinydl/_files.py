"""Files that are either whole or absent: one way of writing for checkpoints, tables, pictures and downloads, and one of
reading that never waits."""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat

from tinydl._check import path_of

__all__ = ["READ_ONLY", "atomic_write", "open_file", "remove_stale", "require_replaceable", "sync_folder"]

READ_ONLY = (errno.EROFS, errno.EACCES)  # errors of a place where nobody can write, or not this user

# Errors of a file that is written: no room, where another file that is read meanwhile can fail in other ways.
_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}


def _require_file(status, path):
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if kind != stat.S_IFREG:
        raise OSError(errno.EINVAL, f"is {_KINDS.get(kind, 'something else')}, not a file", path)


def _place(path):
    """The file that is meant, links followed: `realpath` alone takes '' for the working directory."""
    name = os.fsdecode(path_of(path))
    if "\0" in name:
        raise ValueError(f"no file has a name with a null character, got {name!r}")
    if not name:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    return os.path.realpath(name)


def _status(path):
    """What `os.stat` says of a file, None where there is none, or a link to itself, which a rename replaces.

    Any other error counts: `os.path.exists` hides it.
    """
    try:
        return os.stat(path)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
    return None


# Descriptors belong to a file object from their first moment, and are never closed by number: Ctrl-C between the two
# would close one twice, and the second time it may be somebody else's.

def _without_waiting(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _made(path, flags):
    return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)  # less what the user's umask takes, unlike mkstemp


def open_file(path):
    """Open a file for reading bytes. What would be waited for (a pipe) or never ends (a device) is refused.

    Raises
    ------
    OSError
        The path is missing or no file; `strerror` says what it is.
    """
    path = path_of(path)
    _require_file(os.stat(path), path)  # first, as opening some devices does something
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115
    try:
        _require_file(os.fstat(file.fileno()), path)  # it may have been replaced in between
    except BaseException:
        file.close()
        raise
    return file


def sync_folder(folder):
    """Flush a folder's entries to the disk, where the system can do that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    # A rename that could not be flushed has still happened: it is no failed save. Some network file systems have no
    # fsync of folders.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _keep(path, previous):
    """Let `previous` name the file that `path` names now, without a moment in which `path` is missing."""
    link = f"{previous}.{secrets.token_hex(4)}.tmp"
    try:
        try:
            os.link(path, link)
        except OSError:  # a file system without hard links
            shutil.copy2(path, link)
        os.replace(link, previous)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(link)


def require_replaceable(path):
    """The file that `atomic_write` would write, links followed; OSError for what it would not replace.

    A rename would put a file in the place of a device.
    """
    path = _place(path)
    if (status := _status(path)) is not None:
        _require_file(status, path)
    return path


@contextlib.contextmanager
def atomic_write(path, *, previous=None):
    """Open a temporary file beside `path`; at the end of the block it takes the place of `path`.

    The data are on the disk before the rename, and the rename is on the disk before the block ends, so after a kill,
    a full disk or a loss of power `path` holds the old contents or the new ones. On any exception the temporary file
    is removed and `path` is as it was. An existing file keeps its mode.

    Parameters
    ----------
    path : path-like
        The file to write; a symbolic link is followed. What exists and is no file (a folder, pipe or device) is an
        OSError and stays. A disk without room is one that names the file.
    previous : path-like, optional
        Where the file that is replaced stays available.

    Yields
    ------
    file
        Binary file object, open for writing and reading.
    """
    path = require_replaceable(path)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    try:
        file = open(temporary, "r+b", opener=_made)  # noqa: SIM115
    except BaseException as error:
        if not isinstance(error, FileExistsError):  # it may be there: Python asks for its kind and its end afterwards
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        if isinstance(error, OSError):  # of the file that was asked for, not of one that nobody has named
            raise type(error)(error.errno, error.strerror, path) from None
        raise
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if (status := _status(path)) is not None:
            os.chmod(temporary, stat.S_IMODE(status.st_mode))
            if previous is not None:
                _keep(path, path_of(previous))
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno in _NO_ROOM and error.filename is None:
            raise type(error)(error.errno, error.strerror, path) from None  # `write` does not say which
        raise
    sync_folder(folder)


def remove_stale(folder, names):
    """Remove what `atomic_write` of the files `names` left in `folder` when its process was killed.

    Other files that end in .tmp stay, and so must those of a process that is at work there: lock the folder first.
    """
    mine = re.compile(rf"\.?({'|'.join(map(re.escape, names))})\.[0-9a-f]{{8}}\.tmp")
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if mine.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)
