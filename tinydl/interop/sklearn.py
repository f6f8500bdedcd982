"""A net as a scikit-learn classifier: `Classifier`, for pipelines, cross-validation and grid search."""

import copy

import numpy as np

__all__ = ["Classifier"]  # noqa: F822


def __getattr__(name):
    if name != "Classifier":
        raise AttributeError(f"module 'tinydl.interop.sklearn' has no attribute {name!r}")
    # Made on first use, as its base classes come from scikit-learn; kept here, where pickle looks for it.
    globals()["Classifier"] = made = _make()
    return made


def _make():
    try:
        from sklearn.base import BaseEstimator, ClassifierMixin
    except ImportError:
        raise ImportError("the estimator needs scikit-learn: pip install 'tinydl-cnn[app]'") from None

    class Classifier(ClassifierMixin, BaseEstimator):
        """A net that scikit-learn can fit, clone, search and cross-validate.

        Parameters
        ----------
        net : nn.Module or callable
            A module, of which every fit trains a copy; or ``net(sample_shape, n_classes)``, called at each fit, that
            returns one. Its output are logits (N, n_classes).
        optimizer : str
            A name in `optim.BY_NAME`, such as 'adam' or 'sgd' (which has Nesterov momentum 0.9).
        lr : float
        epochs, batch_size : int
        weight_decay : float
        seed : int
            Fixes initial weights (of a callable `net`), order and dropout.

        Attributes
        ----------
        net_ : nn.Module
            The trained net.
        classes_ : numpy.ndarray
            The labels, sorted; they may be of any type.
        history_ : dict of str to list
            Loss and accuracy by epoch.
        n_features_in_ : int
            Length of the samples' first axis.
        """

        def __init__(self, net, optimizer="adam", lr=1e-3, epochs=10, batch_size=64, weight_decay=0.0, seed=0):
            self.net, self.optimizer, self.lr, self.epochs = net, optimizer, lr, epochs
            self.batch_size, self.weight_decay, self.seed = batch_size, weight_decay, seed

        def fit(self, X, y):
            """Train on samples X (N, ...) with labels y (N,); returns the estimator."""
            from tinydl import optim, random
            from tinydl.nn import Module
            from tinydl.train import Trainer

            if self.optimizer not in optim.BY_NAME:
                raise ValueError(f"the optimizer must be one of {', '.join(optim.BY_NAME)}, got {self.optimizer!r}")
            X, y = _samples(X), np.asarray(y)
            if y.shape != (len(X),):
                raise ValueError(f"there are {len(X)} samples, but the labels have shape {y.shape}")
            self.classes_, labels = np.unique(y, return_inverse=True)
            with random.stream(self.seed):
                if isinstance(self.net, Module):
                    self.net_ = copy.deepcopy(self.net)
                else:
                    self.net_ = self.net(X.shape[1:], len(self.classes_))
            optimizer = optim.BY_NAME[self.optimizer].make(self.net_.parameters(), self.lr,
                                                           weight_decay=self.weight_decay)
            trainer = Trainer(self.net_, optimizer, seed=self.seed)
            self.history_ = trainer.fit((X, labels.astype(np.int64)), epochs=self.epochs, batch_size=self.batch_size,
                                        progress=False)
            self.n_features_in_ = X.shape[1]
            return self

        def decision_function(self, X):
            """Logits (N, n_classes); for two classes their difference (N,), as scikit-learn wants it."""
            logits = self._logits(X)
            return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

        def predict_proba(self, X):
            """Probabilities (N, n_classes), in the order of `classes_`."""
            logits = self._logits(X).astype(np.float64)
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            return p / p.sum(axis=1, keepdims=True)

        def predict(self, X):
            """The most probable labels (N,)."""
            chosen = self._logits(X).argmax(axis=1)
            return self.classes_[chosen]

        def _logits(self, X):
            from sklearn.utils.validation import check_is_fitted

            from tinydl.train import predict

            check_is_fitted(self, "net_")
            return np.asarray(predict(self.net_, _samples(X)))

    Classifier.__module__, Classifier.__qualname__ = __name__, "Classifier"
    return Classifier


def _samples(X):
    X = np.asarray(X)
    if X.ndim < 2 or X.dtype.kind not in "fiub":
        raise ValueError(f"samples must be numbers of shape (N, ...), got {X.dtype} of shape {X.shape}")
    return X.astype(np.float32)
