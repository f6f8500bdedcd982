"""Spot a word while it is being said: frames of 10 ms go in, a score comes out of each, and nothing is computed twice.

    python examples/keyword_stream.py [--short] [--out FOLDER]

The network is trained on windows of 0.4 s. `td.stream` gives its scores of the windows that end with each frame, but
convolutions keep what they know of earlier frames. It takes 5 s.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import tinydl as td
from tinydl.inspect import plots

RATE, FRAME, WINDOW, PITCH = 4000, 40, 1600, {"do": 350, "re": 520, "mi": 780}  # samples a second, samples, Hz
WORD, OTHERS = "do-mi-re", ("do-mi-do", "re-mi-re", "mi-re-do", "mi-re", "do-mi", "")  # "": nothing is said


def say(x, start, word, rng):
    for k, syllable in enumerate(filter(None, word.split("-"))):
        tone = np.sin(2 * np.pi * PITCH[syllable] / RATE * np.arange(400)) * np.hanning(400)
        x[start + 400 * k:start + 400 * (k + 1)] += rng.uniform(0.8, 1.6) * tone


def windows(n, seed):
    """n windows of noise, each with one word; y says whether it is WORD."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 0.4, (n, 1, WINDOW)).astype(np.float32), np.arange(n, dtype=np.float32).reshape(n, 1) % 2
    for signal, this in zip(x, y, strict=True):
        say(signal[0], rng.integers(0, WINDOW - 1200), WORD if this else rng.choice(OTHERS), rng)
    return x, y


def main(short=False, out="."):
    td.manual_seed(0)
    net = td.nn.Sequential(
        td.nn.Conv1d(1, 24, 80, stride=FRAME), td.nn.BatchNorm1d(24), td.nn.ReLU(),
        td.nn.Conv1d(24, 24, 5, dilation=2), td.nn.BatchNorm1d(24), td.nn.ReLU(),
        td.nn.Conv1d(24, 24, 5, dilation=4), td.nn.ReLU(), td.nn.AdaptiveMaxPool1d(1),
        td.nn.Flatten(), td.nn.Linear(24, 1))
    trainer = td.train.Trainer(net, td.optim.Adam(net.parameters(), lr=5e-3), td.nn.BCEWithLogitsLoss())
    trainer.fit(windows(2048, seed=1), epochs=5 if short else 12, batch_size=32, progress=False)
    x, y = windows(1000, seed=2)
    right, rng = np.mean((td.train.predict(net, x) > 0) == y), np.random.default_rng(5)
    signal = rng.normal(0, 0.4, (1, 6 * RATE)).astype(np.float32)
    said = ((0.5, OTHERS[0]), (1.3, WORD), (2.4, WORD), (3.6, OTHERS[2]), (4.5, WORD))
    for start, word in said:
        say(signal[0], int(start * RATE), word, rng)
    listen, scores, seconds = td.stream(net, (1, WINDOW)), [], []
    for k in range(0, 6 * RATE, FRAME):
        seconds.append(-time.perf_counter())
        scores.append(listen(signal[:, k:k + FRAME]))
        seconds[-1] += time.perf_counter()
    scores = np.concatenate(scores)[:, 0]
    whole = np.stack([signal[:, k * FRAME:][:, :WINDOW] for k in range(len(scores))])
    difference = np.abs(scores - td.freeze(net)(whole)[:, 0]).max()
    print(f"{100 * right:.1f} % right; {1000 * np.median(seconds):.2f} ms a frame; {difference:.0e} off whole windows")
    above, below = plots.plain(*(figure := plots.new_figure(9, 4.5)).subplots(2, 1, sharex=True))
    for start, word in said:
        above.text(start + 0.15, 2.35, word, ha="center", color=plots.ORANGE if word == WORD else "black")
        above.axvspan(start, start + 0.3, alpha=0.2, color=plots.ORANGE if word == WORD else plots.GREY)
    above.plot(np.arange(6 * RATE) / RATE, signal[0], color=plots.GREY, linewidth=0.3)
    ends = (np.arange(len(scores)) * FRAME + listen.window) / RATE
    below.plot(ends, 1 / (1 + np.exp(-scores)), color=plots.BLUE)
    above.set(title=f'A score with each frame: was "{WORD}" said?', ylabel="amplitude", ylim=(-2.9, 2.9))
    below.set(xlabel="time / s", ylabel="probability")
    plots.save(figure, Path(out) / "keyword_stream.png")
    return right, difference, ends[scores > 0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="train less")
    parser.add_argument("--out", default=".", help="folder for the picture")
    main(**vars(parser.parse_args()))
