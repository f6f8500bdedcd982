"""Fetch a data set when the user asks for it: checked against its published md5, whole or not at all."""

import contextlib
import hashlib
import http.client
import os
import urllib.error
import urllib.request

from tinydl._check import path_of
from tinydl._files import atomic_write
from tinydl.data.dataset import DataError
from tinydl.data.registry import downloads

__all__ = ["Incoming", "convert", "download", "fetch"]

_MAX_BYTES = 1 << 30
_CHUNK = 1 << 16


def _md5(file):
    digest = hashlib.md5(usedforsecurity=False)  # tells a damaged file; the published sums are md5
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _verified(file, md5, contents_md5):
    """Whether an open file has the md5, or its gzipped contents have the md5 known for them."""
    file.seek(0)
    if _md5(file) == md5:
        return True
    if contents_md5 is None:
        return False
    import gzip
    import zlib

    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as contents:
            return _md5(contents) == contents_md5
    except (OSError, EOFError, zlib.error):
        return False


class Incoming:
    """The bytes of a file as they come, read once from the first to the last.

    Its end is only reached when length and checksum are right: whoever has met it has read the right file.

    Parameters
    ----------
    name : str
        Address or path, in messages.
    source : file
    md5 : str
    length : int, optional
        In all, where it is known.
    limit : int
        More bytes are an error.
    report : callable, optional
        Called with (bytes so far, bytes in all or None).

    Raises
    ------
    DataError
        From `read`: an end that comes too early, too many bytes, a wrong checksum.
    """

    def __init__(self, name, source, md5, length=None, limit=_MAX_BYTES, report=None):
        self.name, self.source, self.md5, self.length, self.limit, self.report = \
            name, source, md5, length, limit, report
        self.done, self.digest = 0, hashlib.md5(usedforsecurity=False)

    def read(self, n=_CHUNK):
        """The next bytes, at most n; none at the end."""
        part = self.source.read(n)
        self.done += len(part)
        if self.done > self.limit:
            raise DataError(f"{self.name}: more than {self.limit:,} bytes, not the expected file")
        self.digest.update(part)
        if part:
            if self.report is not None:
                self.report(self.done, self.length)
            return part
        if self.length is not None and self.done != self.length:
            raise DataError(f"{self.name}: the connection ended after {self.done:,} of {self.length:,} bytes")
        if self.md5 is not None and self.digest.hexdigest() != self.md5:
            raise DataError(f"{self.name}: the file that came has another md5 than {self.md5}")
        return part


@contextlib.contextmanager
def _asked(url, timeout):
    """(the server's answer, its length or None); what goes wrong with it becomes a DataError."""
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{url}: only http and https addresses can be downloaded")
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "tinydl"})
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            length = answer.headers.get("Content-Length")
            yield answer, int(length) if length and length.isdigit() else None
    except urllib.error.HTTPError as error:
        raise DataError(f"{url}: HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise DataError(f"{url}: {error.reason}") from None
    except (TimeoutError, http.client.HTTPException, ConnectionError) as error:
        raise DataError(f"{url}: {type(error).__name__} {error}".rstrip()) from None


def fetch(url, path, md5, *, contents_md5=None, timeout=30, report=None):
    """Download one file to `path`.

    Parameters
    ----------
    url : str
        http or https.
    path : path-like
        Where the file goes, once it is complete and its md5 is right; a file that is there already and right is kept.
    md5 : str
        Expected checksum, 32 hexadecimal digits.
    contents_md5 : str, optional
        That of the unpacked contents of a gzipped file, which are right as well if the file has another md5.
    timeout : float
        Seconds without an answer until giving up.
    report : callable, optional
        Called with (bytes so far, bytes in all or None).

    Raises
    ------
    DataError
        No connection, an HTTP error, a truncated answer or a wrong checksum. Nothing is left at `path` then.
    """
    path = path_of(path)
    try:
        if os.path.isfile(path):
            with open(path, "rb") as file:
                if _verified(file, md5, contents_md5):
                    return
        with _asked(url, timeout) as (answer, length), atomic_write(path) as file:
            incoming = Incoming(url, answer, None, length, report=report)
            while chunk := incoming.read():
                file.write(chunk)
            if not _verified(file, md5, contents_md5):
                raise DataError(f"{url}: the file that came has another md5 than {md5}")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def convert(url, folder, source, *, timeout=30, report=None):
    """Download the archive of a data set that is not kept, and leave in `folder` what is made of it.

    Parameters
    ----------
    url : str
    folder : str
    source : registry.Source
        With `convert`. Nothing is done where the file `made` is there.
    timeout, report
        As for `fetch`.

    Raises
    ------
    DataError
        As for `fetch`; a full disk. Nothing is left in `folder` then.
    """
    if os.path.isfile(os.path.join(folder, source.made)):
        return
    try:
        with _asked(url, timeout) as (answer, length):
            limit = 1_000_000 * (source.megabytes + 1)
            source.convert(Incoming(url, answer, source.files[0].md5, length, limit, report), folder)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}") from None


def download(name, folder, *, base_url=None, report=None):
    """Download a data set into its own folder in `folder`, where its reader finds it.

    Parameters
    ----------
    name : str
        One of `registry.downloads`.
    folder : path-like
        Made when it does not exist.
    base_url : str, optional
        A mirror of the files; default the environment variable TINYDL_MIRROR (to which ``/mnist`` and so on is
        added), else the publisher's address. The checksums stay those of the publisher.
    report : callable, optional
        Called with (file name, bytes so far, bytes in all or None).

    Returns
    -------
    str
        The folder that holds the files.
    """
    sources = downloads()
    if name not in sources:
        raise DataError(f"no download for {name!r}; there is one for {', '.join(sources)}")
    source = sources[name]
    if base_url is None:
        mirror = os.environ.get("TINYDL_MIRROR")
        base_url = f"{mirror.rstrip('/')}/{name}" if mirror else source.url
    target = os.path.join(path_of(folder), source.folder)
    try:
        os.makedirs(target, exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: {error.strerror or error}") from None
    for file in source.files:
        inform = None if report is None else (lambda done, total, name=file.name: report(name, done, total))
        address = f"{base_url.rstrip('/')}/{file.name}"
        try:
            if source.convert is not None:
                convert(address, target, source, report=inform)
            else:
                fetch(address, os.path.join(target, file.name), file.md5, contents_md5=file.contents_md5, report=inform)
        except DataError as error:
            names = ", ".join(other.name for other in source.files)
            raise DataError(f"{error}; files that come another way ({names}) are found in {target}, and TINYDL_MIRROR "
                            "names another server") from None
    return target
