"""A run folder on a file system that is read only: it serves, what would write says so, and nothing is changed."""

import subprocess
import sys

import pytest

from tinydl import cli
from tinydl.cli.entry import main

MOUNTED = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 99; shift; exec "$@"'


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a run, `a`, and an empty folder, `empty`."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "empty").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(cli.pictures, "make", lambda *args: [])
        assert main(["train", "--epochs", "1", "--out", "a", "--quiet"]) == 0
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def command(finished, alone_with_mounts):
    """A function that runs a command where `finished` is read only: (exit code, output, errors)."""
    before = contents(finished)

    def run(*argv):
        words = [*alone_with_mounts, "sh", "-c", MOUNTED, "sh", str(finished), sys.executable, "-m", "tinydl"]
        done = subprocess.run([*words, *argv], text=True, capture_output=True, check=False)
        assert contents(finished) == before
        return done.returncode, done.stdout, done.stderr

    return run


def test_what_reads_works(command, finished, tmp_path):
    run, page, net = f"{finished}/a", tmp_path / "page.html", tmp_path / "net.onnx"
    for argv, said in ((["eval", run], "digits test: accuracy"), (["compare", run], "1 epoch"),
                       (["report", run, "--out", str(page)], f"written to {page}"),
                       (["export", run, str(net)], str(net))):
        code, output, errors = command(*argv)
        assert code == 0 and said in output, (argv, output, errors)
    assert page.exists() and net.exists()


@pytest.mark.parametrize(("argv", "cure"), [
    (["train", "--resume", "{}/a"], "a: cannot be locked for this run ({}); copy it to where files can be written"),
    (["train", "--resume", "{}/a", "--epochs", "3"], "cannot be locked for this run ({})"),
    (["train", "--out", "{}/empty"], "empty: cannot be locked for this run ({})"),
    (["train", "--out", "{}/new/b"], "new/b: cannot be the run folder ({}); choose another --out"),
    (["report", "{}/a"], "report.html: {}; name a file elsewhere with --out"),
])
def test_what_writes_says_what_to_do(command, finished, argv, cure):
    code, _, errors = command(*(word.format(finished) for word in argv))
    assert code == 2
    assert errors.count("\n") == 1 and cure.format("Read-only file system") in errors, errors
