"""What is kept beside the files, and when it is not taken."""

import os

import numpy as np
import pytest

from tinydl.data import cache


def test_what_is_kept_comes_back_under_its_key_alone(tmp_path):
    x = np.arange(6, dtype=np.uint8).reshape(2, 3)
    cache.write_cache(tmp_path, "key", x, {"notes": ["a"]})
    array, facts = cache.read_cache(tmp_path, "key")
    assert np.array_equal(array, x) and facts == {"notes": ["a"]}
    assert cache.read_cache(tmp_path, "other") is None


@pytest.mark.parametrize("how", ["missing", "truncated", "foreign", "nested too deeply"])
def test_what_is_damaged_is_not_taken(tmp_path, how):
    cache.write_cache(tmp_path, "key", np.zeros(3), {})
    path = tmp_path / cache.NAME
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    elif how == "foreign":
        np.savez(path, y=np.zeros(2))
    else:
        np.savez(path, x=np.zeros(3), facts=np.frombuffer(b"[" * 100_000, np.uint8))
    assert cache.read_cache(tmp_path, "key") is None


def test_a_key_is_of_names_sizes_times_and_options(tmp_path):
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    for path in (a, b):
        with open(path, "w") as file:
            file.write("hello")
        os.utime(path, (1, 1))
    keys = {cache.key_of([a], {}), cache.key_of([a, b], {}), cache.key_of([b], {}), cache.key_of([a], {"size": 3})}
    os.utime(a, (2, 2))
    keys.add(cache.key_of([a], {}))
    with open(a, "a") as file:
        file.write("!")
    os.utime(a, (2, 2))
    keys.add(cache.key_of([a], {}))
    assert len(keys) == 6 and cache.key_of([b], {}) in keys


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="cannot be kept there for the next time"):
        cache.write_cache(tmp_path / "file", "key", np.zeros(2), {})
