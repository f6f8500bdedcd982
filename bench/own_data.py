"""Data as users have them, drawn by a seed, and what `tinydl train` makes of them with its defaults.

    python bench/own_data.py make FOLDER [--seed N]      # writes shapes/, tones/, motion.csv, ...
    python bench/own_data.py try FOLDER [--seeds 0 1 2]  # and trains on each, and prints the scores

shapes/: 3 x 60 drawn shapes in colours of their own, 40 to 70 pixels high and wide. tones/: 4 x 40 WAV files of one
second. motion.csv: 400 windows of 3 x 128 accelerometer values, four classes of 200, 100, 60 and 40. curve.npz: a
smooth function of eight numbers as float targets. small.npz: 3 x 60 shapes of 32x32 pixels.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import wave

import numpy as np

__all__ = ["DATA", "make"]


KINDS = ("cross", "disc", "triangle")


def shape(kind, w, h, rng):
    """A filled disc, triangle or cross in any colour on any other."""
    from PIL import Image, ImageDraw

    ground, ink = (tuple(c) for c in rng.integers(0, 256, (2, 3)).tolist())
    while sum(abs(a - b) for a, b in zip(ground, ink, strict=True)) < 150:
        ink = tuple(rng.integers(0, 256, 3).tolist())
    picture = Image.new("RGB", (w, h), ground)
    draw = ImageDraw.Draw(picture)
    r = float(rng.uniform(0.2, 0.35)) * min(w, h)
    x, y = float(rng.uniform(r + 1, w - r - 1)), float(rng.uniform(r + 1, h - r - 1))
    if kind == "disc":
        draw.ellipse([x - r, y - r, x + r, y + r], fill=ink)
    elif kind == "triangle":
        draw.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], fill=ink)
    else:
        draw.rectangle([x - r, y - r / 3, x + r, y + r / 3], fill=ink)
        draw.rectangle([x - r / 3, y - r, x + r / 3, y + r], fill=ink)
    return picture


def shapes(folder, rng, per_class=60):
    """Shapes of mixed sizes, as PNG files."""
    for kind in KINDS:
        os.makedirs(os.path.join(folder, kind))
        for k in range(per_class):
            shape(kind, *rng.integers(40, 71, 2).tolist(), rng).save(os.path.join(folder, kind, f"{k:03}.png"))


def tones(folder, rng, per_class=40, rate=8000):
    """Tones of four pitches with two overtones, of any phase and loudness, in noise."""
    t = np.arange(rate) / rate
    for pitch in (220, 330, 440, 660):
        os.makedirs(os.path.join(folder, f"{pitch}Hz"))
        for k in range(per_class):
            f = pitch * rng.uniform(0.97, 1.03)
            sound = sum(np.sin(2 * np.pi * (n * f * t + rng.random())) / n for n in (1, 2, 3))
            sound = sound * rng.uniform(0.1, 0.3) + rng.normal(0, 0.03, rate)
            with wave.open(os.path.join(folder, f"{pitch}Hz", f"{k:03}.wav"), "wb") as file:
                file.setparams((1, 2, rate, rate, "NONE", ""))
                file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def motion(path, rng):
    """Windows of an accelerometer: gravity in any direction, and lying, walking, running or falling."""
    t = np.arange(128) / 50
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["label", *(f"{axis}{k}" for axis in "xyz" for k in range(128))])
        for name, count in (("rest", 200), ("walk", 100), ("run", 60), ("fall", 40)):
            for _ in range(count):
                gravity, axis = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 3)))
                signal = np.zeros(128)
                if name in ("walk", "run"):
                    rate, size = (rng.uniform(1.5, 2.1), 0.4) if name == "walk" else (rng.uniform(2.5, 3.3), 1.2)
                    signal = size * rng.uniform(0.8, 1.2) * np.sin(2 * np.pi * (rate * t + rng.random()))
                elif name == "fall":
                    signal = rng.uniform(2, 3) * np.exp(-((t - rng.uniform(0.5, 2)) / 0.05) ** 2)
                window = gravity[:, None] + axis[:, None] * signal + rng.normal(0, 0.05, (3, 128))
                table.writerow([name, *(f"{v:.4f}" for v in window.reshape(-1))])


def curve(path, rng, n=600):
    """Eight numbers and a smooth function of them, as float targets of any size and offset."""
    x = rng.uniform(-1, 1, (n, 8)).astype(np.float32)
    y = 1000 + 50 * (np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.5 * x[:, 3] - x[:, 4] ** 2)
    np.savez(path, x=x, y=(y + rng.normal(0, 1, n)).astype(np.float32))


def small(path, rng, per_class=60):
    """Shapes of 32x32 pixels, as arrays."""
    x = np.stack([np.asarray(shape(kind, 32, 32, rng)) for kind in KINDS for _ in range(per_class)])
    np.savez(path, x=x, y=np.repeat(KINDS, per_class))


# What is drawn, and the flags beside --data that say what it is.
DATA = {
    "shapes": (shapes, []),
    "tones": (tones, []),
    "motion.csv": (motion, ["--shape", "3x128"]),
    "curve.npz": (curve, []),
    "small.npz": (small, []),
}


def make(folder, seed=0):
    """Write all of it into a new folder."""
    os.makedirs(folder)
    for number, (name, (draw, _)) in enumerate(DATA.items()):
        draw(os.path.join(folder, name), np.random.default_rng((seed, number)))


def attempt(folder, name, seed):
    """The result of one training with defaults: a dict of its scores."""
    out = os.path.join(folder, "runs", f"{name}-{seed}")
    command = [sys.executable, "-m", "tinydl", "train", "--data", os.path.join(folder, name), *DATA[name][1],
               "--seed", str(seed), "--out", out, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "try"))
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", default=list(DATA))
    args = parser.parse_args()
    if not os.path.exists(args.folder):
        make(args.folder, args.seed)
    if args.what == "make":
        return
    for name in args.only:
        scores = [attempt(args.folder, name, seed) for seed in args.seeds]
        key = "r2" if "r2" in scores[0]["test"] else "accuracy"
        print(name, key, *(f"{score['test'][key]:.4f}" for score in scores),
              "seconds", *(f"{score['seconds']:.1f}" for score in scores), flush=True)


if __name__ == "__main__":
    main()
