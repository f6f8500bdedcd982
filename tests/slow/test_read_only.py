"""A run whose file system becomes read only in its midst, as one does at an error of the disk."""

import shutil
import subprocess
import sys

from tinydl import cli
from tinydl.cli.entry import main
from tinydl.train import load_checkpoint

# The process finds its folder under a second mount from then on; while it writes a file, the first cannot be changed.
PROGRAM = """\
"$@" &
while [ ! -e a/checkpoint.safetensors ]; do
    kill -0 $! || exit 97
    sleep 0.02
done
kill -STOP $!
mount --bind a a && mount -o remount,ro,bind a || exit 99
kill -CONT $!
wait $!
"""
TRAIN = ["train", "--epochs", "20", "--quiet", "--out"]


def test_a_run_whose_folder_becomes_read_only_goes_on_elsewhere_to_the_same_bits(tmp_path, monkeypatch,
                                                                                 alone_with_mounts):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.pictures, "make", lambda *args: [])
    done = subprocess.run([*alone_with_mounts, "sh", "-c", PROGRAM, "sh", sys.executable, "-m", "tinydl", *TRAIN, "a"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1 and "Read-only file system" in done.stderr and "/a/" in done.stderr
    assert load_checkpoint("a/checkpoint.safetensors") and not (tmp_path / "a" / "result.json").exists()
    shutil.copytree("a", "b")
    assert main(["train", "--resume", "b", "--quiet"]) == 0
    assert main([*TRAIN, "c"]) == 0
    b, c = (tmp_path / run / "weights.safetensors" for run in "bc")
    assert b.read_bytes() == c.read_bytes()
    assert not list(b.parent.glob("*.tmp"))  # of a save that was under way, and which nobody could remove
