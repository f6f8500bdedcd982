"""Fetch a data set when the user asks for it: checked against its published md5, whole or not at all."""

import hashlib
import http.client
import os
import urllib.error
import urllib.request

from tinydl._files import atomic_write
from tinydl.data.dataset import DataError

__all__ = ["SOURCES", "download", "fetch"]

# Per data set: base URL, folder, and for each file its published md5.
SOURCES = {
    "mnist": ("https://ossci-datasets.s3.amazonaws.com/mnist", "mnist", {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    }),
    "fashion-mnist": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com", "fashion-mnist", {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    }),
    "cifar10": ("https://www.cs.toronto.edu/~kriz", "cifar10", {
        "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
    }),
}
# md5 of the unpacked contents: a mirror may have gzipped the same data anew.
_CONTENTS = {
    "f68b3c2dcbeaaa9fbdd348bbdeb94873": "6bbc9ace898e44ae57da46a324031adb",
    "d53e105ee54ea40749a09fcbcd1e9432": "a25bea736e30d166cdddb491f175f624",
    "9fb629c4189551a2d022fa330f9573f3": "2646ac647ad5339dbf082846283269ea",
    "ec29112dd5afa0611ce80d1b7f02629c": "27ae3e4e09519cfbb04c329615203637",
}
_MAX_BYTES = 1 << 30
_CHUNK = 1 << 16


def _md5(file):
    digest = hashlib.md5(usedforsecurity=False)  # tells a damaged file; the published sums are md5
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _verified(file, md5):
    """Whether an open file has the md5, or its gzipped contents have the md5 known for them."""
    file.seek(0)
    if _md5(file) == md5:
        return True
    if md5 not in _CONTENTS:
        return False
    import gzip
    import zlib

    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file) as contents:
            return _md5(contents) == _CONTENTS[md5]
    except (OSError, EOFError, zlib.error):
        return False


def fetch(url, path, md5, *, timeout=30, report=None):
    """Download one file to `path`.

    Parameters
    ----------
    url : str
        http or https.
    path : path-like
        Where the file goes, once it is complete and its md5 is right; a file that is there already and right is kept.
    md5 : str
        Expected checksum, 32 hexadecimal digits.
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
                if _verified(file, md5):
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
                if not _verified(file, md5):
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
    name : {'mnist', 'fashion-mnist', 'cifar10'}
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
    if name not in SOURCES:
        raise DataError(f"no download for {name!r}; there is one for {', '.join(SOURCES)}")
    publisher, subfolder, files = SOURCES[name]
    if base_url is None:
        mirror = os.environ.get("TINYDL_MIRROR")
        base_url = f"{mirror.rstrip('/')}/{name}" if mirror else publisher
    target = os.path.join(os.fspath(folder), subfolder)
    try:
        os.makedirs(target, exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: {error.strerror or error}") from None
    for file_name, md5 in files.items():
        inform = None if report is None else (lambda done, total, f=file_name: report(f, done, total))
        fetch(f"{base_url.rstrip('/')}/{file_name}", os.path.join(target, file_name), md5, report=inform)
    return target
