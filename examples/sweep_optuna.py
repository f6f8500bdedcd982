"""Sweep learning rate, momentum and width of a net for the digits; trials that fall behind end early.

    python examples/sweep_optuna.py [--short] [--out FOLDER] [--trials N] [--study FILE]

Needs Optuna: pip install '.[optuna]' in a clone, or 'tinydl-cnn[optuna]'. A trial is one thread: as many processes of
this program as there are cores, with one --study, a file that they share, sweep together. Each net and its batches
depend on the trial's number alone, so a trial can be repeated. --short takes a few seconds.
"""

import argparse
from pathlib import Path

import optuna

import tinydl as td
from tinydl.inspect import plots
from tinydl.interop.optuna import PruningCallback


def net_of(width):
    return td.nn.Sequential(td.nn.Conv2d(1, width, 3, padding=1), td.nn.ReLU(), td.nn.MaxPool2d(2),
                            td.nn.Flatten(), td.nn.Linear(16 * width, 10))


def objective_of(train, validation, epochs):
    def objective(trial):
        td.manual_seed(trial.number)
        net = net_of(trial.suggest_int("width", 4, 32, log=True))
        optimizer = td.optim.SGD(net.parameters(), lr=trial.suggest_float("lr", 1e-3, 1.0, log=True),
                                 momentum=trial.suggest_float("momentum", 0.0, 0.95))
        trainer = td.train.Trainer(net, optimizer, callbacks=[PruningCallback(trial, "val_accuracy")])
        try:
            trainer.fit(train, validation, epochs=epochs, batch_size=64, progress=False)
        except td.train.NonFiniteLossError:
            raise optuna.TrialPruned("the loss is not finite") from None
        return trainer.history["val_accuracy"][-1]

    return objective


def main(short=False, out=".", trials=None, study=None):
    td.set_num_threads(1)
    train, validation = td.data.load_digits()[0].split(0.2)  # the test set is for what the sweep finds
    storage = None if study is None else optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(study))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found = optuna.create_study(direction="maximize", study_name="digits", storage=storage, load_if_exists=True,
                                sampler=optuna.samplers.TPESampler(seed=0),
                                pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1))
    found.optimize(objective_of(train, validation, 4 if short else 12), trials or (8 if short else 40))
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in found.trials)
    best = found.best_trial
    print(f"{len(found.trials)} trials, {pruned} of them pruned; the best is number {best.number}: "
          f"{100 * best.value:.1f} %")
    print(", ".join(f"{name} {value:.3g}" for name, value in best.params.items()))
    figure = plots.new_figure(7, 4.5)
    axes, = plots.plain(figure.subplots())
    for trial in found.trials:  # of a pruned one the value of its last epoch
        whole = trial.state == optuna.trial.TrialState.COMPLETE
        if trial.value is not None:
            axes.plot(trial.params["lr"], 100 * trial.value, "o" if whole else "x",
                      color=plots.BLUE if whole else plots.GREY)
    axes.set(xscale="log", xlabel="learning rate", ylabel="validation accuracy in %", title="Crosses: pruned")
    plots.save(figure, Path(out) / "sweep_optuna.png")
    return best.value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer and shorter trials")
    parser.add_argument("--out", default=".", help="folder for the picture")
    parser.add_argument("--trials", type=int, help="trials of this process")
    parser.add_argument("--study", help="file of a study that several processes share")
    main(**vars(parser.parse_args()))
