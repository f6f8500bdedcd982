"""What a build keeps for the next one: files made, each with a word for all that it was made from.

Times of files would not do: pip's environment is new each time, and so are Cython's and NumPy's files in it. A stamp
also knows the contents of what was made: several places hold a file of one name (`build/lib`, the source of an editable
install, the folder that pip makes for one), and any of them may have an old one.
"""

import hashlib
from pathlib import Path

__all__ = ["forget", "is_kept", "keep", "key_of", "remove_unless"]

STAMPS = Path("build", "keys")


def key_of(files, *facts):
    """One word for the contents of `files` and for `facts`."""
    whole = hashlib.sha256(repr(facts).encode())
    for file in sorted(map(str, files)):
        whole.update(file.encode() + b"\0" + Path(file).read_bytes())
    return whole.hexdigest()


def _stamp(made, key):
    return f"{key} {hashlib.sha256(Path(made).read_bytes()).hexdigest()}"


def is_kept(made, name, key):
    """Whether the file `made` is the one that was last made under `name`, from what `key` says."""
    stamp = STAMPS / name
    return stamp.exists() and Path(made).exists() and stamp.read_text() == _stamp(made, key)


def keep(made, name, key):
    """Note what the file `made` was made from."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / name).write_text(_stamp(made, key))


def forget(name):
    """Before something is made anew: where that fails, what is left is nobody's."""
    (STAMPS / name).unlink(missing_ok=True)


def remove_unless(wanted, root):
    """Remove the files below `root` of which `wanted(path relative to root)` is false."""
    for file in sorted(Path(root).rglob("*")):
        if file.is_file() and not wanted(file.relative_to(root)):
            file.unlink()
