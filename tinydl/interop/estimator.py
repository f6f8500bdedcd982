"""What the scikit-learn estimators share: parameters, input checks, and training with weighted samples."""

from __future__ import annotations

import contextlib
import copy
import math
import numbers
from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from tinydl import config, models, nn, optim, random, train
from tinydl.interop.course import Course, check_callbacks
from tinydl.interop.parameters import NetParameters
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tinydl.nn.module import Module
    from tinydl.train.callbacks import Callback

__all__ = ["Estimator"]


def default_net(shape, n_outputs):
    """The network that an estimator without a `net` trains: for rows, signals (C, L) or images (C, H, W)."""
    if len(shape) == 1:
        return nn.Sequential(nn.Linear(shape[0], 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
                             nn.Linear(64, n_outputs))
    if len(shape) == 2:
        return nn.Sequential(nn.Conv1d(shape[0], 16, 9, padding=4), nn.ReLU(), nn.AdaptiveMaxPool1d(min(8, shape[1])),
                             nn.Flatten(), nn.Linear(16 * min(8, shape[1]), n_outputs))
    if len(shape) == 3:
        return models.digits_cnn(n_outputs, shape)
    raise ValueError(f"samples of shape {shape} have no network of their own; pass net=f, a function f(sample_shape, "
                     "n_outputs) that returns one")


class Estimator(NetParameters):
    """A network in scikit-learn's terms; `CNNClassifier` and `CNNRegressor` say what they predict."""

    def __init__(self, net: Module | str | None = None, *, optimizer: str = "adam", lr: float = 2e-3, epochs: int = 50,
                 batch_size: int = 64, weight_decay: float = 0.0, schedule: str | None = None,
                 early_stopping: bool = False, validation_fraction: float = 0.1, patience: int = 5,
                 warm_start: bool = False, callbacks: Sequence[Callback] | None = None, n_threads: int | None = None,
                 random_state: Any = None, verbose: bool = False) -> None:
        self.net, self.optimizer, self.lr, self.epochs, self.batch_size = net, optimizer, lr, epochs, batch_size
        self.weight_decay, self.schedule, self.early_stopping = weight_decay, schedule, early_stopping
        self.validation_fraction, self.patience, self.warm_start = validation_fraction, patience, warm_start
        self.callbacks, self.n_threads, self.random_state, self.verbose = callbacks, n_threads, random_state, verbose

    # --- inputs ------------------------------------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _samples(self, X, y="no_validation", reset=False):
        targets = {} if isinstance(y, str) else {"multi_output": True, "y_numeric": self._numeric}
        found = validate_data(self, X, y, reset=reset, dtype=[np.float32, np.float64], allow_nd=True,
                              accept_sparse="csr", **targets)
        X, *rest = found if isinstance(found, tuple) else (found,)
        X = X.toarray() if hasattr(X, "toarray") else X
        shape = X.shape[1:]
        if not reset and shape != self.sample_shape_:
            raise ValueError(f"X has samples of shape {shape}, but {type(self).__name__} was fitted with "
                             f"{self.sample_shape_}")
        return (X.astype(np.float32, copy=False), *rest)

    def _check_parameters(self):
        for name, least in (("epochs", 1), ("batch_size", 1), ("patience", 1)):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name} must be an integer >= {least}, got {value!r}")
        if self.optimizer not in optim.BY_NAME:
            raise ValueError(f"the optimizer must be one of {', '.join(optim.BY_NAME)}, got {self.optimizer!r}")
        if self.schedule not in (None, "cosine", "onecycle"):
            raise ValueError(f"the schedule must be None, 'cosine' or 'onecycle', got {self.schedule!r}")
        check_callbacks(self.callbacks)
        self._check_net_parameters(self._net_parameters())
        if not isinstance(self.validation_fraction, numbers.Real) or not 0 < self.validation_fraction < 1:
            raise ValueError(f"validation_fraction must be between 0 and 1, got {self.validation_fraction!r}")

    # --- training ----------------------------------------------------------------------------------------------------

    def _begin(self, n_outputs):
        """A new network and its optimiser."""
        drawn = check_random_state(self.random_state)
        self._seed = int(drawn.randint(np.iinfo(np.int32).max))
        with random.stream(self._seed):
            make = default_net if self.net is None else self.net
            net = copy.deepcopy(make) if isinstance(make, nn.Module) else make(self.sample_shape_, n_outputs,
                                                                               **self._net_parameters())
        if not isinstance(net, nn.Module):
            raise TypeError(f"net must be a module or a function that returns one, got {type(net).__name__}")
        self.net_ = net
        self.optimizer_ = optim.BY_NAME[self.optimizer].make(net.parameters(), self.lr, weight_decay=self.weight_decay)
        self.n_iter_, self.loss_curve_, self.validation_curve_ = 0, [], []

    def _fit(self, X, targets, weight, epochs, stratify=None):
        """Train for some epochs; with early stopping the best weights on a part of the samples stay."""
        held = None
        if self.early_stopping and epochs > 1:
            parts = train_test_split(X, targets, weight, test_size=self.validation_fraction, random_state=self._seed,
                                     stratify=stratify)
            X, *held = parts[0], parts[1], parts[3], parts[5]
            targets, weight = parts[2], parts[4]
        X, targets, weight = self._as_a_set(X, targets, weight)
        steps, best, since = epochs * math.ceil(len(X) / self.batch_size), (np.inf, None), 0
        schedule = self._scheduled(epochs, steps)
        course = Course(self, epochs)
        with self._threads(), random.stream(self._seed + self.n_iter_), contextlib.ExitStack() as ends:
            for callback in course.callbacks:
                ends.callback(callback.on_fit_end, course)
                callback.on_fit_begin(course)
            for _ in range(epochs):
                lr, loss = course.lr, None
                self.loss_curve_.append(self._epoch(X, targets, weight, schedule, course))
                self.n_iter_ += 1
                if held is not None:
                    loss = self._held_out(*held)
                    self.validation_curve_.append(loss)
                    since = 0 if loss < best[0] else since + 1
                    best = (loss, self.net_.state_dict()) if since == 0 else best
                if self.verbose:
                    print(f"epoch {self.n_iter_}: loss {self.loss_curve_[-1]:.4f}"
                          + (f", held out {self.validation_curve_[-1]:.4f}" if held is not None else ""))
                course.end_epoch(lr, self.loss_curve_[-1], loss)
                if since >= self.patience or course.stop_reason is not None:
                    break
        if best[1] is not None:
            self.net_.load_state_dict(best[1])
        self.net_.eval()

    def _as_a_set(self, X, targets, weight):
        """Where one batch holds all samples their order does not matter, and equal ones are one of a larger weight.

        Rounding then is the same for repeated samples and for weights that count them.
        """
        used = weight > 0
        if not used.any():
            raise ValueError("sample_weight is 0 for every sample")
        X, targets, weight = X[used], targets[used], weight[used]
        if len(X) > self.batch_size * 8:
            return X, targets, weight
        rows = np.concatenate([X.reshape(len(X), -1), targets.reshape(len(X), -1).astype(np.float64)], axis=1)
        _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        if len(first) > self.batch_size:
            return X, targets, weight
        return X[first], targets[first], np.bincount(inverse.reshape(-1), weight)

    def _scheduled(self, epochs, steps):
        if self.schedule == "onecycle" and steps > 1:
            return optim.OneCycleLR(self.optimizer_, max_lr=self.lr, total_steps=steps)
        if self.schedule == "cosine":
            return optim.CosineAnnealingLR(self.optimizer_, T_max=epochs)
        return None

    def _epoch(self, X, targets, weight, schedule, course):
        """The weighted mean of the loss over an epoch of batches."""
        net, total = self.net_.train(), 0.0
        course.tell("on_epoch_begin")
        order = np.arange(len(X))
        if len(X) > self.batch_size:
            order = np.random.default_rng([self._seed, self.n_iter_]).permutation(len(X))
        for k in range(0, len(X), self.batch_size):
            part = order[k:k + self.batch_size]
            if len(part) == 1 < len(X) and any(isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)) for m in net.modules()):
                continue  # one sample has no spread
            w = (weight[part] / weight[part].sum()).astype(np.float32)
            self.optimizer_.zero_grad()
            loss = (self._losses(net(Tensor(X[part])), targets[part]) * w).sum()
            loss.backward()
            course.tell("on_backward_end")
            self.optimizer_.step()
            total += loss.item() * weight[part].sum()
            course.end_batch(loss.item(), len(part))
            if schedule is not None and getattr(schedule, "per_batch", False):
                schedule.step()
        if schedule is not None and not getattr(schedule, "per_batch", False):
            schedule.step()
        if not np.isfinite(total):
            raise ValueError(f"the loss is {total} after {self.n_iter_} epochs; use a smaller lr, or scale the samples")
        return total / weight.sum()

    def _held_out(self, X, targets, weight):
        with config.no_grad():
            losses = self._losses(Tensor(train.predict(self.net_, X, max(256, self.batch_size))), targets).data
        return float((losses * weight).sum() / weight.sum())

    @contextlib.contextmanager
    def _threads(self):
        """`n_threads` within the context."""
        if self.n_threads is None:
            yield
            return
        before = config.get_num_threads()
        config.set_num_threads(self.n_threads)
        try:
            yield
        finally:
            config.set_num_threads(before)

    def _outputs(self, X):
        """The network's outputs for X in evaluation mode, as float64."""
        check_is_fitted(self, "net_")
        (X,) = self._samples(X)
        with self._threads():
            return np.asarray(train.predict(self.net_, X, max(256, self.batch_size)), np.float64)

    def _weights(self, sample_weight, X):
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        if (weight < 0).any():
            raise ValueError(f"sample_weight must be at least 0, got {weight.min()}")
        return weight
