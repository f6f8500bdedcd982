"""How good a run's predictions are, in the measures of its task."""

import numpy as np

__all__ = ["class_table", "headline", "score"]


def class_table(matrix, class_names):
    """Precision, recall and F1 of each class.

    precision = right / predicted, recall = right / present, F1 = 2 precision recall / (precision + recall); 0 where a
    denominator is 0, as in scikit-learn.

    Parameters
    ----------
    matrix : array of int, shape (C, C)
        Rows are the true classes.
    class_names : sequence of str

    Returns
    -------
    list of dict
        class, precision, recall, f1, n (samples of the class).
    """
    right = np.diag(matrix).astype(np.float64)
    predicted, present = matrix.sum(axis=0), matrix.sum(axis=1)
    precision, recall = right / np.maximum(predicted, 1), right / np.maximum(present, 1)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return [{"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "n": int(n)}
            for name, p, r, f, n in zip(class_names, precision, recall, f1, present, strict=True)]


def score(run, net, data, loss):
    """(scores, outputs) of a net on data, whose targets are in the user's units.

    Parameters
    ----------
    run : train.run.Run
    net : nn.Module
    data : ArrayDataset
    loss : callable
        In units of the net.

    Returns
    -------
    scores : dict
        n and loss. Of classes accuracy, right, macro_f1 and classes (`class_table`); of several labels a sample
        accuracy (share of right answers) and classes; of a regression mse, mae and r2 in the user's units.
    outputs : array
        Of the net.
    """
    from tinydl.train import confusion_matrix, evaluate, predict
    from tinydl.train.task import scaled, unscaled

    task = run.settings.get("task", "classes")
    scores = {"n": len(data), **evaluate(net, scaled(data, run.settings), loss)}
    outputs = predict(net, data)
    if task == "regression":
        error = unscaled(outputs, run.settings) - data.labels
        spread = ((data.labels - data.labels.mean(axis=0, dtype=np.float64)) ** 2).sum()
        scores.update(mse=float((error**2).mean()), mae=float(abs(error).mean()),
                      r2=float(1 - (error**2).sum() / spread) if spread > 0 else float("nan"))
    elif task == "labels":
        scores["accuracy"] = float(((outputs > 0) == (data.labels > 0)).mean())
        scores["classes"] = [_one_label(name, data.labels[:, k] > 0, outputs[:, k] > 0)
                             for k, name in enumerate(data.class_names)]
    else:
        matrix = confusion_matrix(data.labels, outputs, data.n_classes)
        scores["right"] = round(scores["accuracy"] * len(data))
        scores["classes"] = class_table(matrix, data.class_names)
    if "classes" in scores:
        scores["macro_f1"] = float(np.mean([row["f1"] for row in scores["classes"]]))
    return scores, outputs


def _one_label(name, true, said):
    matrix = np.array([[np.sum(~true & ~said), np.sum(~true & said)], [np.sum(true & ~said), np.sum(true & said)]])
    return {**class_table(matrix, ("", name))[1], "class": name}


def headline(scores):
    """The scores in a line."""
    if "mse" in scores:
        return f"MSE {scores['mse']:.4g}, MAE {scores['mae']:.4g}, R2 {scores['r2']:.4f}"
    counts = f" ({scores['right']:,} of {scores['n']:,})" if "right" in scores else ""
    return f"accuracy {100 * scores['accuracy']:.2f} %{counts}, loss {scores['loss']:.4f}"
