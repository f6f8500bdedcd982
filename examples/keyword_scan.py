"""Find a word anywhere in a recording with a detector that scans; it has heard words at one place only.

    python examples/keyword_scan.py [--short] [--out FOLDER]

A convolution looks at every place with the same weights; the maximum over time is a Boolean OR: "it is somewhere".
A fully connected net that reads the whole recording has other weights for every place. It takes 7 s.
"""

import argparse
from pathlib import Path

import numpy as np

import tinydl as td
from tinydl.inspect import plots

RATE, SYLLABLE, PITCH = 4000, 400, {"do": 350, "re": 520, "mi": 780}  # samples a second, samples, Hz
WORD, OTHERS = "do-mi-re", ("do-mi-do", "re-mi-re", "mi-re-do", "")  # "": nothing is said
SEEN = np.arange(1392, 1408)  # where words begin in training: at 0.35 s, give or take 2 ms
UNSEEN = np.r_[400:1200, 1600:2400]  # before and after


def mix(x, start, word, rng):
    for k, syllable in enumerate(filter(None, word.split("-"))):
        tone = np.sin(2 * np.pi * PITCH[syllable] / RATE * np.arange(SYLLABLE)) * np.hanning(SYLLABLE)
        x[start + k * SYLLABLE:start + (k + 1) * SYLLABLE] += rng.uniform(0.8, 1.6) * tone


def recordings(n, places, seed):
    """n seconds of noise, each with one word; y says whether it is WORD."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 0.4, (n, 1, RATE)).astype(np.float32), np.arange(n, dtype=np.float32).reshape(n, 1) % 2
    for signal, this in zip(x, y, strict=True):
        mix(signal[0], rng.choice(places), WORD if this else OTHERS[rng.integers(4)], rng)
    return x, y


def main(short=False, out="."):
    td.manual_seed(1)
    scan = td.nn.Sequential(  # a score every 16 samples, of the 1,244 samples from there on
        td.nn.Conv1d(1, 16, 32, stride=4), td.nn.BatchNorm1d(16), td.nn.ReLU(), td.nn.MaxPool1d(4),
        td.nn.Conv1d(16, 24, 25), td.nn.BatchNorm1d(24), td.nn.ReLU(),
        td.nn.Conv1d(24, 24, 3, dilation=25), td.nn.BatchNorm1d(24), td.nn.ReLU(), td.nn.Conv1d(24, 1, 1))
    detector = td.nn.Sequential(scan, td.nn.AdaptiveMaxPool1d(1), td.nn.Flatten())
    mlp = td.nn.Sequential(td.nn.Flatten(), td.nn.Linear(RATE, 64), td.nn.ReLU(), td.nn.Linear(64, 1))
    (x, y), loss_fn, right = recordings(1024, SEEN, seed=0), td.nn.BCEWithLogitsLoss(), {}
    for name, net in (("scanning detector", detector), ("fully connected net", mlp)):
        optimizer = td.optim.Adam(net.parameters(), lr=5e-3)
        for epoch in range(8 if short else 12):
            for rows in np.array_split(np.random.default_rng(epoch).permutation(len(x)), len(x) // 32):
                optimizer.zero_grad()
                loss_fn(net(x[rows]), y[rows]).backward()
                optimizer.step()
        for where, places in (("the place of training", SEEN), ("unseen places", UNSEEN)):
            a, b = recordings(1000, places, seed=1)
            right[name, where] = np.mean((td.train.predict(net, a) > 0) == b)
            print(f"{name:19} at {where:21} {100 * right[name, where]:6.2f} % right")
    rng = np.random.default_rng(5)
    long = rng.normal(0, 0.4, (1, 1, 6 * RATE)).astype(np.float32)
    figure = plots.new_figure(9, 4.5)
    above, below = plots.plain(*figure.subplots(2, 1, sharex=True))
    for start, word in ((0.5, OTHERS[0]), (1.3, WORD), (2.4, WORD), (3.6, OTHERS[2]), (4.5, WORD)):
        mix(long[0, 0], int(start * RATE), word, rng)
        above.text(start + 0.15, 2.35, word, ha="center", color=plots.ORANGE if word == WORD else "black")
        above.axvspan(start, start + 0.3, alpha=0.2, color=plots.ORANGE if word == WORD else plots.GREY)
    score = td.ops.sigmoid(scan.eval()(long)).numpy()[0, 0]
    above.plot(np.arange(6 * RATE) / RATE, long[0, 0], color=plots.GREY, linewidth=0.3)
    below.plot((np.arange(len(score)) * 16 + 622) / RATE, score, color=plots.BLUE)
    above.set(title=f'The detector fires wherever "{WORD}" is said', ylabel="amplitude", ylim=(-2.9, 2.9))
    below.set(xlabel="time (for the score: the middle of what it has read) / s", ylabel=f'probability of "{WORD}"')
    plots.save(figure, Path(out) / "keyword_scan.png")
    return right, score


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="train less")
    parser.add_argument("--out", default=".", help="folder for the picture")
    main(**vars(parser.parse_args()))
