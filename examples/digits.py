"""Train a small convolutional network on handwritten digits with the plain loop, and see what it takes for what.

    python examples/digits.py [--short] [--out FOLDER]

The 1,797 digits of 8x8 pixels come with tinydl, so nothing is downloaded. It takes 3 s.
"""

import argparse
from pathlib import Path

import tinydl as td
from tinydl.data import Batches, load_digits
from tinydl.inspect import plots
from tinydl.train import accuracy, confusion_matrix, predict


def main(short=False, out="."):
    td.manual_seed(0)
    train, test = load_digits()
    net = td.nn.Sequential(
        td.nn.Conv2d(1, 16, 3, padding=1), td.nn.BatchNorm2d(16), td.nn.ReLU(), td.nn.MaxPool2d(2),
        td.nn.Conv2d(16, 32, 3, padding=1), td.nn.BatchNorm2d(32), td.nn.ReLU(), td.nn.MaxPool2d(2),
        td.nn.Flatten(), td.nn.Linear(32 * 2 * 2, 10))
    loss_fn = td.nn.CrossEntropyLoss()
    optimizer = td.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    batches = Batches(train, 64, shuffle=True)  # a new order every epoch

    epochs = 3 if short else 15
    for epoch in range(epochs):
        total = 0.0
        for x, y in batches:
            optimizer.zero_grad()
            loss = loss_fn(net(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        print(f"epoch {epoch + 1:2}: training loss {total / len(train):.4f}")

    logits = predict(net, test)
    right = accuracy(test.labels, logits)
    print(f"{100 * right:.2f} % of {len(test)} digits that the net has never seen are classified right")

    figure = plots.confusion(confusion_matrix(test.labels, logits), title="Handwritten digits")
    plots.save(figure, Path(out) / "digits.png")
    return right


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="train less")
    parser.add_argument("--out", default=".", help="folder for the picture")
    main(**vars(parser.parse_args()))
