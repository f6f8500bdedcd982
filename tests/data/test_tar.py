"""Headers of tar archives that somebody has forged."""

import io
import tarfile
import tracemalloc

import pytest

from tinydl.data import DataError, load_cifar10
from tinydl.data.tar import members, open_tar

EXTENSIONS = [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE]
BEFORE = [b"", tarfile.TarInfo("a").tobuf()]


def header(kind, size):
    info = tarfile.TarInfo("b")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, *EXTENSIONS])
@pytest.mark.parametrize("before", BEFORE)
def test_a_size_that_no_file_has(tmp_path, kind, before):
    (tmp_path / "cifar-10-binary.tar").write_bytes(before + header(kind, 2**70) + bytes(1024))
    with pytest.raises(DataError, match="damaged or truncated archive"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize("kind", EXTENSIONS)
@pytest.mark.parametrize("before", BEFORE)
def test_a_name_cannot_ask_for_memory(tmp_path, kind, before):
    (tmp_path / "cifar-10-binary.tar").write_bytes(before + header(kind, 2**33) + bytes(1024))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="a name of 8,589,934,592 bytes"):
            load_cifar10(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read(form):
    name = "\u00e9" * 300 + "/a.bin"
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        archive.addfile(tarfile.TarInfo(name))
    file.seek(0)
    with open_tar(fileobj=file, mode="r:") as archive:
        assert [member.name for member in members(archive)] == [name]
