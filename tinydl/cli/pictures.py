"""The pictures of a run."""

import os

from tinydl._check import printable

__all__ = ["make"]


def make(run, trainer, test, outputs, out):
    """Draw curves, confusion or predictions, filters and mistakes into the run's folder.

    Parameters
    ----------
    run : train.run.Run
    trainer : Trainer
        After its training.
    test : ArrayDataset
    outputs : array
        What the net said of it.
    out : Output
        Told when there are no pictures.

    Returns
    -------
    list of str
        Names of the files.
    """
    from tinydl.inspect import plots
    from tinydl.train import confusion_matrix
    from tinydl.train.task import unscaled

    s = run.settings
    title = f"{s['model']} on {printable(os.path.basename(s['data']))}"
    figures = {}
    try:
        figures["curves.png"] = plots.curves(trainer.history, title)
        if len(test.image_shape) == 3:
            figures["filters.png"] = plots.filters(trainer.net)
        if s.get("task") == "regression":
            figures["predicted.png"] = plots.predicted(test.labels, unscaled(outputs, s), f"{title}: test data")
        elif s.get("task", "classes") == "classes":
            matrix = confusion_matrix(test.labels, outputs, test.n_classes)
            figures["confusion.png"] = plots.confusion(matrix, test.class_names, f"{title}: test data")
            if len(test.image_shape) == 3:
                figures["mistakes.png"] = plots.misclassified(test.images, test.labels, outputs, test.class_names,
                                                              white=1 / test.scale)
    except ImportError as error:
        out.note(f"no pictures: {error}")
        return []
    made = {name: figure for name, figure in figures.items() if figure is not None}
    for name, figure in made.items():
        plots.save(figure, run.path(name))
    return list(made)
