"""Fetch a data set when the user asks for it: checked against its published md5, whole or not at all."""

import hashlib
import http.client
import os
import urllib.error
import urllib.request

from tinydl._files import atomic_write
from tinydl.data.dataset import DataError
from tinydl.data.registry import downloads

__all__ = ["download", "fetch"]

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
        with gzip.GzipFile(fileobj=file) as contents:
            return _md5(contents) == contents_md5
    except (OSError, EOFError, zlib.error):
        return False


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
    path = os.fspath(path)
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{url}: only http and https addresses can be downloaded")
    try:
        if os.path.isfile(path):
            with open(path, "rb") as file:
                if _verified(file, md5, contents_md5):
                    return
        request = urllib.request.Request(url, headers={"User-Agent": "tinydl"})
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            length = answer.headers.get("Content-Length")
            length = int(length) if length and length.isdigit() else None
            with atomic_write(path) as file:
                done = 0
                while chunk := answer.read(_CHUNK):
                    done += len(chunk)
                    if done > _MAX_BYTES:
                        raise DataError(f"{url}: more than {_MAX_BYTES:,} bytes, not the expected file")
                    file.write(chunk)
                    if report is not None:
                        report(done, length)
                if length is not None and done != length:
                    raise DataError(f"{url}: the connection ended after {done:,} of {length:,} bytes")
                if not _verified(file, md5, contents_md5):
                    raise DataError(f"{url}: the file that came has another md5 than {md5}")
    except urllib.error.HTTPError as error:
        raise DataError(f"{url}: HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise DataError(f"{url}: {error.reason}") from None
    except (TimeoutError, http.client.HTTPException, ConnectionError) as error:
        raise DataError(f"{url}: {type(error).__name__} {error}".rstrip()) from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


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
    target = os.path.join(os.fspath(folder), source.folder)
    try:
        os.makedirs(target, exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: {error.strerror or error}") from None
    for file in source.files:
        inform = None if report is None else (lambda done, total, name=file.name: report(name, done, total))
        try:
            fetch(f"{base_url.rstrip('/')}/{file.name}", os.path.join(target, file.name), file.md5,
                  contents_md5=file.contents_md5, report=inform)
        except DataError as error:
            names = ", ".join(other.name for other in source.files)
            raise DataError(f"{error}; files that come another way ({names}) are found in {target}, and TINYDL_MIRROR "
                            "names another server") from None
    return target
