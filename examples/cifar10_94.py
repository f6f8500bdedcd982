"""Train a wide net to 94 % on CIFAR-10 in few operations, with every part of the recipe in sight.

    python examples/cifar10_94.py [--short] [--out FOLDER]

CIFAR-10 is looked for where `tinydl train --data cifar10 --download` puts it. --short takes a few seconds for steps on
coloured noise, to show that all of it runs. The recipe is K. Jordan's (arXiv:2404.00498, and its version with Muon).
"""

import argparse
from pathlib import Path

import numpy as np

import tinydl as td
from tinydl.data import ArrayDataset, Augment
from tinydl.inspect import plots
from tinydl.optim import SGD, LinearLR, MultiOptimizer, Muon
from tinydl.train import Freeze, Trainer, evaluate


def noise(n=48):
    """Two classes of noise, whose red or blue is brighter."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 156, (n, 3, 32, 32), np.uint8), np.arange(n) % 2
    images[np.arange(n), 2 * labels] += 100
    data = ArrayDataset(images, labels)
    return data.with_statistics(), data.with_statistics()


def main(short=False, out="."):
    td.manual_seed(0)
    train, test = noise() if short else td.data.load("cifar10")
    epochs, batch = (3, 12) if short else (8, 2000)
    steps = len(train) // batch

    # The first layer makes neighbouring pixels uncorrelated; its filters stay as they are.
    net = td.models.airbench(train.n_classes)
    td.nn.init.whitening_(net.whiten.weight, train.subset(slice(5000)).normalised())

    # Filters by their direction, the rest by gradient descent. The loss is a sum, so weight decay counts by the image.
    decay = 2e-6 * batch
    filters = [p for p in net.layers.parameters() if p.ndim == 4]
    biases = [p for p in net.layers.parameters() if p.ndim == 1 and p.requires_grad]
    rates = ((net.whiten.bias, 0.053), (biases, 0.053), (net.head.weight, 0.67))
    optimizer = MultiOptimizer(
        Muon(filters, lr=0.24, momentum=0.6, ns_steps=3, weight_decay=0, renormalise=True),
        SGD([{"params": params, "lr": lr, "weight_decay": decay / lr} for params, lr in rates],
            momentum=0.85, nesterov=True))
    total = epochs * steps
    schedule = LinearLR(optimizer, 1.0, 0.0, [total, min(3, epochs) * steps, total, total], per_batch=True)

    trainer = Trainer(net, optimizer, td.nn.CrossEntropyLoss(reduction="sum", label_smoothing=0.2), schedule,
                      callbacks=[Freeze(["whiten.bias"], 3)])
    trainer.fit(train, epochs=epochs, batch_size=batch, drop_last=True,
                augment=Augment(shift=2, mirror="alternate", padding="reflect"))

    # Six looks at every test image: mirrored, and moved by a pixel.
    result = evaluate(td.nn.AveragedViews(net), test, trainer.loss)["accuracy"]
    seconds = sum(trainer.history["seconds"])
    print(f"{100 * result:.2f} % of {len(test)} test images after {seconds:.0f} s of training")
    title = "airbench on coloured noise" if short else "airbench on CIFAR-10"
    plots.save(plots.curves(trainer.history, title), Path(out) / "cifar10_94.png")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a few steps on pictures of noise")
    parser.add_argument("--out", default=".", help="folder for the picture")
    main(**vars(parser.parse_args()))
