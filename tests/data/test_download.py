import gzip
import hashlib

import pytest

from tinydl.data import DataError
from tinydl.data.download import download as download_set, fetch
from tinydl.data.registry import downloads


def md5(content):
    return hashlib.md5(content).hexdigest()


def test_fetch_whole_checked_and_reported(server, tmp_path):
    url, folder, asked = server
    content = bytes(range(256)) * 1000
    (folder / "file").write_bytes(content)
    target, calls = tmp_path / "got", []
    fetch(f"{url}/file", target, md5(content), report=lambda *a: calls.append(a))
    assert target.read_bytes() == content
    assert calls[-1] == (256000, 256000)
    fetch(f"{url}/file", target, md5(content))
    assert len(asked) == 1  # a file that is there and right is not fetched again


@pytest.mark.parametrize("present", [False, True])
def test_wrong_checksum_leaves_what_was_there(server, tmp_path, present):
    url, folder, _ = server
    (folder / "file").write_bytes(b"something else")
    target = tmp_path / "out" / "got"
    target.parent.mkdir()
    if present:
        target.write_bytes(b"old")
    with pytest.raises(DataError, match="another md5"):
        fetch(f"{url}/file", target, md5(b"right"))
    assert [p.name for p in target.parent.iterdir()] == (["got"] if present else [])
    if present:
        assert target.read_bytes() == b"old"


@pytest.mark.parametrize(("path", "message"), [("none", "HTTP 404"), ("short", "ended after 9 of 100|IncompleteRead")])
def test_errors_of_the_server(server, tmp_path, path, message):
    with pytest.raises(DataError, match=message):
        fetch(f"{server[0]}/{path}", tmp_path / "got", md5(b""))
    assert not (tmp_path / "got").exists()
    assert not list(tmp_path.glob(".*"))


def test_no_connection(tmp_path):
    with pytest.raises(DataError, match="refused|unreachable"):
        fetch("http://127.0.0.1:9/file", tmp_path / "got", md5(b""))


def test_only_http(tmp_path):
    with pytest.raises(DataError, match="only http"):
        fetch(f"file://{tmp_path}/a", tmp_path / "got", md5(b""))


def test_unknown_name(tmp_path):
    with pytest.raises(DataError, match="no download for 'digits'"):
        download_set("digits", tmp_path)


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="file"):
        download_set("mnist", tmp_path / "file", base_url="http://127.0.0.1:9")


@pytest.mark.parametrize("by_environment", [False, True])
def test_a_mirror_of_mnist(server, tmp_path, shared_data, monkeypatch, by_environment):
    from tinydl.data import load_mnist

    url, folder, asked = server
    (folder / "mnist").symlink_to(shared_data / "mnist")
    if by_environment:
        monkeypatch.setenv("TINYDL_MIRROR", url)
    target = download_set("mnist", tmp_path / "data", base_url=None if by_environment else f"{url}/mnist")
    assert sorted(asked) == sorted(f"/mnist/{file.name}" for file in downloads()["mnist"].files)
    assert target == str(tmp_path / "data" / "mnist")
    assert len(load_mnist(tmp_path / "data")[0]) == 60000


def test_gzipped_anew_is_accepted_by_its_contents_alone(server, tmp_path):
    url, folder, _ = server
    content = b"contents" * 100
    known = {"md5": md5(b"published file"), "contents_md5": md5(content)}
    (folder / "a.gz").write_bytes(gzip.compress(content, 1))
    fetch(f"{url}/a.gz", tmp_path / "a.gz", **known)
    (folder / "b.gz").write_bytes(gzip.compress(content + b"x"))
    with pytest.raises(DataError, match="another md5"):
        fetch(f"{url}/b.gz", tmp_path / "b.gz", **known)
    (folder / "c.gz").write_bytes(b"not gzipped")
    with pytest.raises(DataError, match="another md5"):
        fetch(f"{url}/c.gz", tmp_path / "c.gz", **known)
    (folder / "d.gz").write_bytes(gzip.compress(content, 1))
    with pytest.raises(DataError, match="another md5"):  # where the contents' md5 is not known
        fetch(f"{url}/d.gz", tmp_path / "d.gz", known["md5"])


def test_offline_the_place_for_the_files_is_named(server, tmp_path):
    url, _, _ = server
    with pytest.raises(DataError, match=r"HTTP 404.*\(train-images.*\) are found in .*data.kmnist, and TINYDL_MIRROR"):
        download_set("kmnist", tmp_path / "data", base_url=f"{url}/none")


def test_a_full_disk_leaves_nothing(server, tmp_path, monkeypatch):
    url, folder, _ = server
    (folder / "a").write_bytes(b"contents")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match="No space left on device"):
        fetch(f"{url}/a", tmp_path / "data" / "a", md5(b"contents"))
    assert not list((tmp_path / "data").iterdir())
