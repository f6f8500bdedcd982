"""Sweep learning rate, momentum and width of a net for the digits with Ray Tune; trials that fall behind end early.

    python examples/sweep_ray.py [--short] [--out FOLDER] [--trials N] [--cpus N]

Needs Ray: pip install 'ray[tune]'. A trial is a process of one thread, and as many run at a time as there are cores (or
a Ray cluster has), each as its settings say, so that it can be repeated. --short takes 30 s.
"""

import argparse
import tempfile
from pathlib import Path

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler

import tinydl as td
from tinydl.inspect import plots


class Report(td.train.Callback):
    """Gives Ray the columns of the history after each epoch; a trial that its scheduler ends gets no further."""

    def on_epoch_end(self, trainer, logs):
        tune.report({name: float(value) for name, value in logs.items()})


def train(settings):
    """A trial, in a process of its own."""
    td.set_num_threads(1)
    td.manual_seed(settings["seed"])
    width = settings["width"]
    net = td.nn.Sequential(td.nn.Conv2d(1, width, 3, padding=1), td.nn.ReLU(), td.nn.MaxPool2d(2),
                           td.nn.Flatten(), td.nn.Linear(16 * width, 10))
    optimizer = td.optim.SGD(net.parameters(), lr=settings["lr"], momentum=settings["momentum"])
    data, validation = td.data.load_digits()[0].split(0.2)  # the test set is for what the sweep finds
    try:
        td.train.Trainer(net, optimizer, callbacks=[Report()]).fit(data, validation, epochs=settings["epochs"],
                                                                   batch_size=64, progress=False)
    except td.train.NonFiniteLossError:
        tune.report({"val_accuracy": 0.0})


def main(short=False, out=".", trials=None, cpus=None):
    epochs = 4 if short else 12
    space = {"width": tune.randint(4, 33), "lr": tune.loguniform(1e-3, 1.0), "momentum": tune.uniform(0.0, 0.95),
             "seed": tune.randint(0, 2**31), "epochs": epochs}
    ray.init(num_cpus=cpus, include_dashboard=False, log_to_driver=False, configure_logging=False)
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(train, {"cpu": 1}), param_space=space,
            tune_config=tune.TuneConfig(metric="val_accuracy", mode="max", num_samples=trials or (8 if short else 40),
                                        scheduler=ASHAScheduler(max_t=epochs, grace_period=2), reuse_actors=True),
            run_config=tune.RunConfig(storage_path=folder, verbose=0))
        results = tuner.fit()
    ray.shutdown()
    done = [result for result in results if result.metrics and "val_accuracy" in result.metrics]
    ended = sum(result.metrics["training_iteration"] < epochs for result in done)
    best = results.get_best_result()
    print(f"{len(results)} trials, {ended} of them ended early; the best: {100 * best.metrics['val_accuracy']:.1f} %, "
          + ", ".join(f"{name} {best.config[name]:.3g}" for name in ("width", "lr", "momentum")))
    figure = plots.new_figure(7, 4.5)
    axes, = plots.plain(figure.subplots())
    for result in done:
        whole = result.metrics["training_iteration"] == epochs
        axes.plot(result.config["lr"], 100 * result.metrics["val_accuracy"], "o" if whole else "x",
                  color=plots.BLUE if whole else plots.GREY)
    axes.set(xscale="log", xlabel="learning rate", ylabel="validation accuracy in %", title="Crosses: ended early")
    plots.save(figure, Path(out) / "sweep_ray.png")
    return best.metrics["val_accuracy"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer and shorter trials")
    parser.add_argument("--out", default=".", help="folder for the picture")
    parser.add_argument("--trials", type=int, help="how many trials")
    parser.add_argument("--cpus", type=int, help="trials at a time (default: as many as there are cores)")
    main(**vars(parser.parse_args()))
