"""What was decoded from many files, kept beside them: one file, read again as long as the files are the same."""

import hashlib
import json
import os
import warnings

import numpy as np

from tinydl._files import atomic_write
from tinydl.data.dataset import DataError

__all__ = ["NAME", "key_of", "read_cache", "write_cache"]

NAME = ".tinydl-cache.npz"
_VERSION = 2  # of what is kept: another one makes all kept files useless


def key_of(files, options):
    """One word for files and how they are read.

    Parameters
    ----------
    files : sequence of str
        Their paths; size and time of the last change count too.
    options : dict
        What JSON holds.
    """
    whole = hashlib.sha256(json.dumps([_VERSION, options], sort_keys=True).encode())
    for path in files:
        try:
            status = os.stat(path)
        except OSError as error:  # a link to nowhere: the reader says so
            whole.update(f"{path}\0{error.errno}\n".encode(errors="surrogateescape"))
            continue
        whole.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return whole.hexdigest()


def read_cache(folder, key):
    """(array, facts) that were kept in a folder under this key, or None."""
    from tinydl.data.npz import read_arrays

    path = os.path.join(folder, NAME)
    if not os.path.isfile(path):
        return None
    try:
        arrays = read_arrays(path)
        facts = json.loads(arrays["facts"].tobytes())
        return (arrays["x"], facts["facts"]) if facts["key"] == key else None
    except (DataError, KeyError, ValueError, TypeError, RecursionError):  # damaged or foreign: its sources are there
        return None


def write_cache(folder, key, array, facts):
    """Keep an array and facts about it (what JSON holds) in a folder; a folder that cannot be written is warned of."""
    text = json.dumps({"key": key, "facts": facts}).encode()
    try:
        with atomic_write(os.path.join(folder, NAME)) as file:
            np.savez(file, x=array, facts=np.frombuffer(text, np.uint8))
    except OSError as error:
        warnings.warn(f"{folder}: what was read cannot be kept there for the next time ({error.strerror or error})",
                      stacklevel=3)
