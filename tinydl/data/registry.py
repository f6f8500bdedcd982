"""Data sets by name: how each is read, what trains well on it, and where its files come from.

A data set is one file in `tinydl/data/sets`, which calls `register`; the command line, runs and downloads know it then.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from tinydl.data.dataset import DataError
from tinydl.data.folders import kind_of_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinydl._types import Path, Report, Split

__all__ = [
    "BY_NAME", "DataSet", "File", "Source", "choices", "default_data_dir", "downloads", "find", "load", "register",
]


class File(NamedTuple):
    """A file to download: its name and its published md5; of a gzipped one that of its contents may be known too.

    A mirror may have gzipped the same contents anew, which gives another md5 of the file and the same of the contents.
    """

    name: str
    md5: str
    contents_md5: str | None = None


class Source(NamedTuple):
    """Where the files of a data set are published.

    Attributes
    ----------
    url : str
        Of the folder of the files.
    folder : str
        Folder that they go to, in the folder of all data sets.
    megabytes : int
        Their size together.
    files : tuple of File
    convert : callable, optional
        Of an archive that is not kept: ``convert(file, folder)`` reads it to its end, as it comes, and leaves in
        `folder` what the reader finds.
    made : str
        The file that `convert` makes last.
    """

    url: str
    folder: str
    megabytes: int
    files: tuple[File, ...]
    convert: Callable[[Any, str], None] | None = None
    made: str = ""


class DataSet(NamedTuple):
    """A data set that can be chosen by its name.

    Attributes
    ----------
    read : callable
        ``read(folder, seed)`` gives (train, test) as `ArrayDataset`; folder is that of all data sets, or the path of
        the user's file, seed fixes what is held out where the data set has no test images of its own. Where
        ``train.about["n_valid"]`` is a number, so many samples at the end of train are published for validation.
    recipe : dict
        Settings of a run that trains well in a short time, in the words of `tinydl.recipes`: "model", "epochs",
        "batch_size", and any others. Empty where they follow from the size of the data.
    source : Source, optional
        What can be downloaded.
    options : tuple of str
        Keyword arguments that `read` takes besides: how the data are read. It takes ``report`` then too, which is
        called with (files done, files in all).
    """

    read: Callable[..., Any]
    recipe: dict[str, Any]
    source: Source | None = None
    options: tuple[str, ...] = ()


BY_NAME: dict[str, DataSet] = {}
_BY_SUFFIX: dict[str, DataSet] = {}
_FOLDERS: dict[str, tuple[tuple[str, ...], DataSet]] = {}  # by the kind of their files: extensions, entry


def register(name: str, read: Callable[..., Any], recipe: dict[str, Any], source: Source | None = None, *,
             options: Sequence[str] = (), kind: str | None = None, extensions: Sequence[str] = ()) -> None:
    """Enter a data set under its name, or under the suffix of its files when the name begins with a dot.

    Names are kept in the order of the size of what must be downloaded.

    Parameters
    ----------
    name : str
    read, recipe, source, options
        See `DataSet`.
    kind, extensions
        Of the files in a folder of the user's that has one folder a class; the name is "DIR" then.
    """
    entry = DataSet(read, recipe, source, tuple(options))
    if kind is not None:
        _FOLDERS[kind] = (tuple(extensions), entry)
        return
    if name.startswith("."):
        _BY_SUFFIX[name] = entry
        return
    BY_NAME[name] = entry
    entries = sorted(BY_NAME.items(), key=lambda item: item[1].source.megabytes if item[1].source else 0)
    BY_NAME.clear()
    BY_NAME.update(entries)


def choices() -> list[str]:
    """The names, FILE with each suffix of a file of the user's, and DIR."""
    return [*BY_NAME, *(f"FILE{suffix}" for suffix in _BY_SUFFIX), "DIR"]


def find(name: str) -> DataSet:
    """The entry of a data set's name, or of the path of a file or folder of the user's; DataError when it has none."""
    if name in BY_NAME:
        return BY_NAME[name]
    if os.path.isdir(name):
        return _FOLDERS[kind_of_folder(name, {kind: row[0] for kind, row in _FOLDERS.items()})][1]
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in _BY_SUFFIX:
        if os.sep in name:
            raise DataError(f"{name}: no folder, and no file of a kind that is read; choose {', '.join(choices())}")
        raise DataError(f"unknown data {name!r}; choose {', '.join(choices())}")
    return _BY_SUFFIX[suffix]


def downloads() -> dict[str, Source]:
    """{name: source} of the data sets that can be downloaded."""
    return {name: entry.source for name, entry in BY_NAME.items() if entry.source is not None}


def default_data_dir() -> str:
    """Where data sets are looked for: TINYDL_DATA, else tinydl's folder in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("TINYDL_DATA") or os.path.join(cache, "tinydl")


def load(name: str, folder: Path | None = None, seed: int = 0, *, download: bool = False,
         report: Report | None = None, **options: Any) -> Split:
    """A data set by its name, or the user's own from a file or a folder.

    Parameters
    ----------
    name : str
        One of `BY_NAME`, or the path of an .npz or .csv file, or of a folder with one folder a class of pictures or of
        WAV files.
    folder : path-like, optional
        Where the files of a named one are; default the environment variable TINYDL_DATA, else ~/.cache/tinydl.
    seed : int
        Fixes which images are held out where there are no test images.
    download : bool
        Fetch the files of a named one that are not there yet, to `folder`; their checksums are the publisher's.
    report : callable, optional
        Called with (files done, files in all) while the user's files are read.
    **options
        How the data are read: arguments of `load_npz`, `load_csv`, `load_image_folder`, `load_wav_folder` or
        `load_speech_commands`.

    Returns
    -------
    train, test : ArrayDataset

    Raises
    ------
    DataError
        An unknown name; files that are missing, foreign or damaged; an option that is not for such data.
    """
    entry = find(name)
    foreign = sorted(set(options) - set(entry.options))
    if foreign:
        takes = ", ".join(entry.options) or "no options"
        raise DataError(f"{name}: {', '.join(foreign)} is not for such data, which takes {takes}")
    if download and entry.source is None:
        raise DataError(f"{name}: there is nothing to download; download=True is for {', '.join(downloads())}")
    if name in BY_NAME:
        folder = default_data_dir() if folder is None else folder
        if download:
            from tinydl.data import download as net

            net.download(name, folder)
    else:
        folder = name
    return entry.read(folder, seed, report=report, **options) if entry.options else entry.read(folder, seed)
