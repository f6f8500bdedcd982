"""What bench/own_data.py draws: as many of each kind as it says."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tinydl.data import load_csv, load_npz, load_wav_folder

sys.path.append(str(Path(__file__).parents[2]))
from bench import own_data

pytest.importorskip("PIL")


def test_what_is_drawn(tmp_path):
    own_data.make(tmp_path / "a", 3)
    pictures = sorted((tmp_path / "a" / "shapes").rglob("*.png"))
    assert [sum(path.parent.name == kind for path in pictures) for kind in own_data.KINDS] == [60, 60, 60]
    small, held_out = load_npz(tmp_path / "a" / "small.npz")
    assert small.image_shape == (3, 32, 32) and np.bincount(held_out.labels).tolist() == [12, 12, 12]
    motion, held_out = load_csv(tmp_path / "a" / "motion.csv", shape=(3, 128))
    assert np.bincount([*motion.labels, *held_out.labels]).tolist() == [40, 200, 60, 100]  # fall, rest, run, walk
    tones, _ = load_wav_folder(tmp_path / "a" / "tones")
    assert tones.image_shape == (1, 8000) and tones.class_names == ("220Hz", "330Hz", "440Hz", "660Hz")
    curve, _ = load_npz(tmp_path / "a" / "curve.npz")
    assert curve.labels.dtype == np.float32 and curve.image_shape == (8,)
