"""Train with direct and with Winograd convolutions, six seeds each: does the rounding of the fast one cost accuracy?

    python bench/training/winograd.py [--data-dir DIR] [--threads N] [--seeds 0,1,2]

mnist_cnn trains 2 epochs on MNIST and vgg_small 10 on CIFAR-10 (as many images as --data-dir holds), with the command
line's settings. Losses and test accuracies go to bench/results/winograd_training.json, the curves (with Matplotlib) to
docs/pictures/winograd-training.svg. The files of MNIST and CIFAR-10 come by `tinydl train --download`.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.harness import ROOT, machine, say, table

RESULT = ROOT / "bench/results/winograd_training.json"
PICTURE = ROOT / "docs/pictures/winograd-training.svg"
TASKS = (("mnist", "mnist_cnn", 2, 64), ("cifar10", "vgg_small", 10, 128))
ALGORITHMS = ("direct", "auto")  # "auto" takes Winograd wherever it pays; "winograd" would refuse the other layers
POINTS = 60  # of a curve: means over as many stretches of batches


def train(data, model, epochs, batch_size, algorithm, seed, folder):
    """Mean losses of the stretches and test accuracies of the epochs of one run."""
    import tinydl as td
    from tinydl.recipes import settled
    from tinydl.train import Trainer, building, callbacks

    class Losses(callbacks.Callback):
        def __init__(self):
            self.all = []

        def on_batch_end(self, trainer, logs):
            self.all.append(logs["loss"])

    dataset, test = td.data.load(data, folder)
    settings = settled({"optimizer": "sgd", "lr": td.optim.BY_NAME["sgd"].lr},
                       {"model": model, "epochs": epochs, "batch_size": batch_size})
    with td.conv_algorithm(algorithm):
        net = building.build_net(model, dataset.image_shape, dataset.n_classes, seed)
        optimizer, scheduler = building.build_optimizer(settings, net, -(-len(dataset) // batch_size))
        losses = Losses()
        trainer = Trainer(net, optimizer, scheduler=scheduler, seed=seed, callbacks=[losses])
        trainer.fit(dataset, test, epochs=epochs, batch_size=batch_size)
    ends = [round(k * len(losses.all) / POINTS) for k in range(POINTS + 1)]
    curve = [statistics.fmean(losses.all[a:b]) for a, b in zip(ends, ends[1:], strict=False) if b > a]
    return {"data": data, "model": model, "epochs": epochs, "algorithm": algorithm, "seed": seed,
            "images": len(dataset), "loss": curve, "accuracy": trainer.history["val_accuracy"]}


def chart(rows):
    """One picture, a panel a net: training loss of every run, one colour an algorithm."""
    from tinydl.inspect import plots

    models, seeds = (list(dict.fromkeys(row[key] for row in rows)) for key in ("model", "seed"))
    figure = plots.new_figure(4.3 * len(models), 3.4)
    for axes, model in zip(plots.plain(*figure.subplots(1, len(models), squeeze=False)[0]), models, strict=True):
        for row in rows:
            if row["model"] != model:
                continue
            fast = row["algorithm"] != "direct"
            n = len(row["loss"])
            axes.semilogy([row["epochs"] * (k + 0.5) / n for k in range(n)], row["loss"], lw=1, alpha=0.8,
                          color=plots.ORANGE if fast else plots.BLUE, ls="--" if fast else "-",
                          label=("Winograd" if fast else "direct") if row["seed"] == seeds[0] else None)
        axes.set(title=f"{model}, {len(seeds)} seeds", xlabel="epoch", ylabel="training loss")
        plots.legend(axes)
    return figure


def summary(rows):
    """Final test accuracies: each seed, and their mean."""
    lines, seeds = [], list(dict.fromkeys(row["seed"] for row in rows))
    for data, model, epochs, _ in TASKS:
        for algorithm in ALGORITHMS:
            last = [100 * row["accuracy"][-1] for row in rows if (row["model"], row["algorithm"]) == (model, algorithm)]
            if last:
                lines.append([f"{model}, {data}, {epochs} epochs", "direct" if algorithm == "direct" else "Winograd",
                              *(f"{a:.2f}" for a in last), f"{statistics.fmean(last):.2f}"])
    return table(["test accuracy, %", "algorithm", *(f"seed {seed}" for seed in seeds), "mean"], lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="default: $TINYDL_DATA, else tinydl's cache")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", default="0,1,2,3,4,5")
    options = parser.parse_args()
    import tinydl
    from tinydl.inspect import plots

    tinydl.set_num_threads(options.threads)
    rows = []
    for task in TASKS:
        for seed in map(int, options.seeds.split(",")):
            for algorithm in ALGORITHMS:
                rows.append(train(*task, algorithm, seed, options.data_dir))
                say(f"{task[1]} seed {seed} {algorithm:8} test accuracy {100 * rows[-1]['accuracy'][-1]:.2f} %")
    RESULT.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    plots.save(chart(rows), PICTURE)
    print(summary(rows))


if __name__ == "__main__":
    main()
