"""Whether the parts of a training fit each other."""

from tinydl._check import index_of
from tinydl.nn import Module
from tinydl.optim import BY_NAME
from tinydl.train.schedules import schedules_of

__all__ = ["check_fit", "check_parts"]


_LOSSES = {
    "binary_crossentropy": "BCEWithLogitsLoss", "bce": "BCEWithLogitsLoss",
    "categorical_crossentropy": "CrossEntropyLoss", "cross_entropy": "CrossEntropyLoss",
    "crossentropy": "CrossEntropyLoss", "sparse_categorical_crossentropy": "CrossEntropyLoss",
    "huber": "HuberLoss", "mean_squared_error": "MSELoss", "mse": "MSELoss", "nll": "NLLLoss",
}


def _check_names(optimizer, loss):
    """Raise for the names that Keras takes, with the call that is meant."""
    if isinstance(optimizer, str):
        row = BY_NAME.get(optimizer.lower())
        kind = row.kind.__name__ if row else "SGD"
        raise TypeError(f"Trainer: optimizer must be an optimizer, got {optimizer!r}; write "
                        f"td.optim.{kind}(net.parameters(), lr={0.1 if kind == 'SGD' else 1e-3:g})")
    if isinstance(loss, str):
        name = _LOSSES.get(loss.lower().replace("-", "_"))
        raise TypeError(f"Trainer: loss must be a function of (output, y) or a loss, got {loss!r}; write "
                        f"td.nn.{name or 'CrossEntropyLoss'}()")


def _check_order(net, optimizer, loss):
    """Raise for arguments in another order than (net, optimizer, loss)."""
    kinds = ["optimizer" if _has(part, "param_groups") else "net" if isinstance(part, Module) else "loss"
             for part in (net, optimizer, loss)]
    if (kinds[0] == "net" and kinds[1] != "optimizer" and kinds[2] == "optimizer") or kinds[0] == "optimizer":
        raise TypeError(f"Trainer: takes (net, optimizer, loss) in this order, got ({type(net).__name__}, "
                        f"{type(optimizer).__name__}, {type(loss).__name__})")


def _need(what, value, fits, wanted):
    """Raise unless `fits`."""
    if isinstance(value, type):
        raise TypeError(f"Trainer: {what} must be {wanted}, got the class {value.__name__}; write "
                        f"{value.__name__}(...) to make one")
    if not fits:
        raise TypeError(f"Trainer: {what} must be {wanted}, got {value!r}")


def _has(value, *names):
    return all(hasattr(value, name) for name in names)


def check_parts(net, optimizer, loss, scheduler, callbacks):
    """Raise when a Trainer cannot train with its parts.

    Raises
    ------
    TypeError
        A part is of another kind, or a class instead of an object of it.
    ValueError
        The optimizer has none of the net's parameters, or the scheduler is that of another optimizer.
    """
    _check_names(optimizer, loss)
    _check_order(net, optimizer, loss)
    _need("net", net, isinstance(net, Module), "an nn.Module")
    _need("optimizer", optimizer, _has(optimizer, "param_groups", "step", "zero_grad", "state_dict"),
          "an optimizer such as td.optim.SGD(net.parameters(), lr=0.1)")
    _need("loss", loss, callable(loss), "a function of (output, y) or a loss such as nn.MSELoss()")
    for schedule in schedules_of(scheduler):
        _need("scheduler", schedule, _has(schedule, "step", "state_dict"),
              "a schedule such as td.optim.StepLR(optimizer, 10), or a list of them")
        if getattr(schedule, "optimizer", optimizer) is not optimizer:
            raise ValueError("Trainer: the scheduler changes the learning rate of another optimizer than the "
                             "trainer's; make it with this one")
    for callback in callbacks:
        _need("a callback", callback, _has(callback, "on_epoch_end", "order"), "a Callback")
    mine = {id(parameter) for parameter in net.parameters()}
    if not any(id(p) in mine for group in optimizer.param_groups for p in group["params"]):
        raise ValueError("Trainer: the optimizer has none of the net's parameters, so it would train nothing; make it "
                         "with net.parameters() of this net, not of a copy")


def check_fit(train, valid, epochs):
    """Raise for the arguments of `Trainer.fit` in the order of Keras, and a number of epochs that is none.

    Raises
    ------
    TypeError
        Inputs and labels as two arguments.
    ValueError
        The number of epochs.
    """
    if hasattr(train, "shape") and hasattr(valid, "shape") and valid.shape[:1] == train.shape[:1]:
        raise TypeError("Trainer.fit: got inputs and labels as two arguments; the pair is one: "
                        "trainer.fit((x, y), (x_valid, y_valid), epochs=5)")
    if (index_of(epochs) or 0) < 1:
        raise ValueError(f"epochs must be a positive integer, got {epochs!r}")
