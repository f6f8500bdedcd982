"""Networks as scikit-learn estimators: `CNNClassifier` and `CNNRegressor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

try:
    from sklearn.base import ClassifierMixin, RegressorMixin
except ImportError:
    from tinydl._name import how_to_install

    raise ImportError(f"the estimators need scikit-learn: {how_to_install('sklearn')}") from None
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import column_or_1d

from tinydl import ops
from tinydl.interop.estimator import Estimator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

    from tinydl._types import Array
    from tinydl.nn.module import Module
    from tinydl.train.callbacks import Callback

__all__ = ["CNNClassifier", "CNNRegressor"]

_SHARED = """
    net : nn.Module or callable, optional
        A module, of which every fit trains a copy; or a function ``net(sample_shape, n_outputs)`` that returns one. By
        default two hidden layers for rows (N, features), one convolution for signals (N, C, L), and `models.digits_cnn`
        for images (N, C, H, W).
        ``set_params(net__width=8)`` gives a function the argument ``width=8``; searches know such names, too.
    optimizer : str
        A name in `optim.BY_NAME`, such as 'adam' or 'sgd'.
    lr : float
    epochs, batch_size : int
    weight_decay : float
    schedule : {None, 'cosine', 'onecycle'}
        How the learning rate changes; `lr` is the largest one.
    early_stopping : bool
        Hold a part of the samples back, and keep the weights that do best on them.
    validation_fraction : float
        How many of the samples.
    patience : int
        Epochs without a smaller loss on them after which training ends.
    warm_start : bool
        Whether a further `fit` goes on from the last one.
    callbacks : list of train.Callback, optional
        Told of every batch and epoch of a fit, as by a `train.Trainer`; they get an `interop.course.Course`. The
        history has the columns epoch, lr, loss and, with `early_stopping`, val_loss. A clone gets copies of them.
    n_threads : int, optional
        Of kernels, while this estimator works.
    random_state : int, RandomState or None
        Fixes initial weights (of a callable `net`), order, dropout and what is held back.
    verbose : bool
        Print a line each epoch."""
_FITTED = """
    net_ : nn.Module
        The trained network, in evaluation mode.
    sample_shape_ : tuple of int
    n_iter_ : int
        Epochs.
    loss_curve_, validation_curve_ : list of float
        The loss by epoch, on the training samples and on those held back.
    n_features_in_ : int
        Length of the samples' first axis."""


class CNNClassifier(ClassifierMixin, Estimator):
    __doc__ = f"""A network that scikit-learn can fit, clone, search and cross-validate.

    Its outputs are logits, its loss is cross-entropy. DataFrames are taken as scikit-learn takes them,
    sparse rows are made dense.

    Parameters
    ----------{_SHARED}
    class_weight : dict, 'balanced' or None
        Factors of the classes' losses.

    Attributes
    ----------{_FITTED}
    classes_ : numpy.ndarray
        The labels, sorted; they may be of any type.
    """

    _numeric = False

    classes_: Array

    def __init__(self, net: Module | str | None = None, *, optimizer: str = "adam", lr: float = 2e-3, epochs: int = 50,
                 batch_size: int = 64, weight_decay: float = 0.0, schedule: str | None = None,
                 early_stopping: bool = False, validation_fraction: float = 0.1, patience: int = 5,
                 warm_start: bool = False, class_weight: Any = None, callbacks: Sequence[Callback] | None = None,
                 n_threads: int | None = None, random_state: Any = None, verbose: bool = False) -> None:
        super().__init__(net, optimizer=optimizer, lr=lr, epochs=epochs, batch_size=batch_size,
                         weight_decay=weight_decay, schedule=schedule, early_stopping=early_stopping,
                         validation_fraction=validation_fraction, patience=patience, warm_start=warm_start,
                         callbacks=callbacks, n_threads=n_threads, random_state=random_state, verbose=verbose)
        self.class_weight = class_weight

    def _losses(self, output, labels):
        return ops.cross_entropy(output, labels, reduction="none")

    def _labelled(self, X, y, reset):
        self._check_parameters()
        X, y = self._samples(X, y, reset=reset)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return X, y

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on samples X (N, ...) with labels y (N,); returns the estimator."""
        going_on = self.warm_start and hasattr(self, "net_")
        X, y = self._labelled(X, y, reset=not going_on)
        classes = np.unique(y)
        if going_on and not np.isin(classes, self.classes_).all():
            raise ValueError(f"warm_start: the classes {classes.tolist()} are not those of the last fit, "
                             f"{self.classes_.tolist()}")
        weight = self._weights(sample_weight, X)
        if not going_on:
            self.classes_, self.sample_shape_ = classes, X.shape[1:]
            self._begin(len(classes))
        return self._trained(X, y, weight, self.epochs)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One more epoch; the first call must know all `classes`. Returns the estimator."""
        first = not hasattr(self, "net_")
        X, y = self._labelled(X, y, reset=first)
        if first:
            if classes is None:
                raise ValueError("the first call of partial_fit needs classes, the labels of all calls")
            self.classes_, self.sample_shape_ = unique_labels(classes), X.shape[1:]
            self._begin(len(self.classes_))
        elif classes is not None and not np.array_equal(unique_labels(classes), self.classes_):
            raise ValueError(f"classes={classes!r} are not those of the first call, {self.classes_.tolist()}")
        if not np.isin(y, self.classes_).all():
            raise ValueError(f"y has labels that are not among the classes {self.classes_.tolist()}")
        return self._trained(X, y, self._weights(sample_weight, X), 1)

    def _trained(self, X, y, weight, epochs):
        if self.class_weight is not None:
            weight = weight * compute_sample_weight(self.class_weight, y)
        labels = np.searchsorted(self.classes_, y)
        self._fit(X, labels, weight, epochs, labels)
        return self

    def decision_function(self, X: Any) -> Array:
        """Logits (N, n_classes); for two classes their difference (N,), as scikit-learn wants it."""
        logits = self._outputs(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X: Any) -> Array:
        """Probabilities (N, n_classes), in the order of `classes_`."""
        logits = self._outputs(X)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities."""
        return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Array:
        """The most probable labels (N,)."""
        chosen = self._outputs(X).argmax(axis=1)
        return self.classes_[chosen]


class CNNRegressor(RegressorMixin, Estimator):
    __doc__ = f"""A network that scikit-learn can fit to numbers, clone, search and cross-validate.

    Its loss is the squared error of targets that are scaled to mean 0 and deviation 1 by those of the first fit.
    DataFrames are taken as scikit-learn takes them, sparse rows are made dense.

    Parameters
    ----------{_SHARED}

    Attributes
    ----------{_FITTED}
    """

    _numeric = True

    def _losses(self, output, targets):
        return ops.mse(output, targets, reduction="none").mean(axis=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _targeted(self, X: Any, y: Any, sample_weight: Any, first: bool) -> tuple[Any, Any, Any]:
        self._check_parameters()
        X, y = self._samples(X, y, reset=first)
        weight, y = self._weights(sample_weight, X), np.asarray(y, np.float64)
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        rows = y.reshape(len(y), -1)
        if first:
            self.sample_shape_, self._target_shape = X.shape[1:], y.shape[1:]
            every = np.concatenate([rows, X.reshape(len(X), -1)], axis=1)[weight > 0]
            used = np.unique(every, axis=0)[:, :rows.shape[1]]  # repeated samples are one, as in training
            self._mean = used.mean(axis=0) if len(used) else np.zeros(rows.shape[1])
            self._scale = used.std(axis=0) if len(used) else np.ones(rows.shape[1])
            self._scale[self._scale == 0] = 1
            self._begin(rows.shape[1])
        elif y.shape[1:] != self._target_shape:
            raise ValueError(f"y has targets of shape {y.shape[1:]}, the first fit had {self._target_shape}")
        return X, ((rows - self._mean) / self._scale).astype(np.float32), weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on samples X (N, ...) with targets y (N,) or (N, n); returns the estimator."""
        going_on = self.warm_start and hasattr(self, "net_")
        self._fit(*self._targeted(X, y, sample_weight, not going_on), self.epochs)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One more epoch; returns the estimator."""
        self._fit(*self._targeted(X, y, sample_weight, not hasattr(self, "net_")), 1)
        return self

    def predict(self, X: Any) -> Array:
        """The targets (N,) or (N, n)."""
        found = self._outputs(X) * self._scale + self._mean
        return found.reshape(len(found), *self._target_shape)
