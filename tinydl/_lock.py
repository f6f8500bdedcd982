"""A lock on a folder: one process at a time, and a process that died holds none."""

import contextlib
import errno
import io
import os
import stat
import sys

from tinydl._check import path_of

__all__ = ["FolderLock"]

if sys.platform == "win32":
    import msvcrt

    _PLACE = 1 << 30  # behind the text: a locked byte cannot be read by others

    def _try(descriptor):
        os.lseek(descriptor, _PLACE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):
                return False
            raise
        return True
else:
    import fcntl

    def _try(descriptor):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        return True


def _made_or_opened(path, flags):
    return os.open(path, flags | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o666)


class FolderLock:
    """Held by one process (and one object in it) at a time; the system takes it away from a process that ends.

    The lock is the system's on an open file, ``.lock`` in the folder, which holds the number of the process. So a file
    that a killed process left behind locks nothing.

    Parameters
    ----------
    folder : path-like
        An existing folder.
    """

    NAME = ".lock"

    def __init__(self, folder):
        self.path = os.path.join(path_of(folder), self.NAME)
        self._file = None

    def acquire(self):
        """Take the lock; False when somebody else has it.

        Raises
        ------
        OSError
            The folder cannot be written, or its file system has no locks.
        """
        while True:
            file = io.FileIO(self.path, "r+", opener=_made_or_opened)
            try:
                descriptor = file.fileno()
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise OSError(errno.EINVAL, "is not a file", self.path)
                if not _try(descriptor):
                    file.close()
                    return False
                # The one before may have removed the file between our open and our lock.
                if self._is_at_path(descriptor):
                    os.ftruncate(descriptor, 0)
                    os.lseek(descriptor, 0, os.SEEK_SET)
                    os.write(descriptor, f"{os.getpid()}\n".encode())
                    self._file = file
                    return True
            except BaseException:
                self._file = None
                file.close()
                raise
            file.close()

    def _is_at_path(self, descriptor):
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except FileNotFoundError:
            return False

    def owner(self):
        """Who holds the lock, in words."""
        try:
            with open(self.path, "rb") as file:
                text = file.read(32).decode("ascii", "replace").strip()
        except OSError:
            text = ""
        return f"process {text}" if text.isdigit() else "another process"

    def release(self):
        """Give the lock back and remove its file; nothing happens without the lock."""
        if self._file is None:
            return
        file, self._file = self._file, None
        # Removed while it is locked, so that nobody can have taken it yet; Windows removes no open file. Where that
        # fails, somebody else has cleaned up, or is the next one.
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        file.close()
        if sys.platform == "win32":
            with contextlib.suppress(OSError):
                os.unlink(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.release()
        return False
