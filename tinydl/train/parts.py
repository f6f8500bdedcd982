"""Whether the parts of a training fit each other."""

from tinydl.nn import Module

__all__ = ["check_parts"]


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
    _need("net", net, isinstance(net, Module), "an nn.Module")
    _need("optimizer", optimizer, _has(optimizer, "param_groups", "step", "zero_grad", "state_dict"),
          "an optimizer such as td.optim.SGD(net.parameters(), lr=0.1)")
    _need("loss", loss, callable(loss), "a function of (output, y) or a loss such as nn.MSELoss()")
    if scheduler is not None:
        _need("scheduler", scheduler, _has(scheduler, "step", "state_dict"),
              "a schedule such as td.optim.StepLR(optimizer, 10)")
        if getattr(scheduler, "optimizer", optimizer) is not optimizer:
            raise ValueError("Trainer: the scheduler changes the learning rate of another optimizer than the "
                             "trainer's; make it with this one")
    for callback in callbacks:
        _need("a callback", callback, _has(callback, "on_epoch_end", "order"), "a Callback")
    mine = {id(parameter) for parameter in net.parameters()}
    if not any(id(p) in mine for group in optimizer.param_groups for p in group["params"]):
        raise ValueError("Trainer: the optimizer has none of the net's parameters, so it would train nothing; make it "
                         "with net.parameters() of this net, not of a copy")
