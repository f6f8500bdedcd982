"""All that a resumed training needs, as one tree of arrays and plain values."""

import copy

from tinydl.train.checkpoint import CheckpointError
from tinydl.train.history import History
from tinydl.train.schedules import load_schedules, state_of_schedules

__all__ = ["load_state", "state_of"]

_PARTS = {"model", "optimizer", "scheduler", "callbacks", "seed", "settings", "epoch", "epochs", "batch", "plan",
          "sums", "history", "stop_reason"}
_KINDS = {"callbacks": list, "seed": int, "settings": dict, "epoch": int, "epochs": int, "batch": int, "sums": dict,
          "history": dict, "plan": (dict, type(None)), "stop_reason": (str, type(None))}
_SETTINGS = ("accumulate", "clip_norm")  # of a Trainer, which change every update


def state_of(trainer):
    """What `Trainer.state_dict` gives."""
    callbacks = []
    for callback in trainer.callbacks:
        state = callback.state_dict()
        if state:
            callbacks.append({"type": type(callback).__name__, "state": state})
    return {
        "model": trainer.net.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": state_of_schedules(trainer.scheduler),
        "callbacks": callbacks,
        "seed": trainer.seed,
        "settings": {name: getattr(trainer, name) for name in _SETTINGS},
        "epoch": trainer.epoch,
        "epochs": trainer.epochs,
        "batch": trainer.batch,
        "plan": trainer._plan,
        "sums": {"seconds": trainer._sums["seconds"], "lr": list(trainer._sums["lr"]), **trainer._tally.state_dict()},
        "history": {key: list(values) for key, values in trainer.history.items()},
        "stop_reason": trainer.stop_reason,
    }


def load_state(trainer, state):
    """What `Trainer.load_state_dict` does."""
    parts = set(state) if isinstance(state, dict) else set()
    if parts != _PARTS:
        raise CheckpointError("this is no state of a Trainer: " + "; ".join(
            f"{what} {', '.join(sorted(map(str, names)))}"
            for what, names in (("it lacks", _PARTS - parts), ("it has", parts - _PARTS)) if names))
    for name, kind in _KINDS.items():
        if not isinstance(state[name], kind):
            raise CheckpointError(f"this is no state of a Trainer: its {name} is {state[name]!r}")
    if (state["scheduler"] is None) != (trainer.scheduler is None):
        raise CheckpointError("the checkpoint was made with" + ("out" if state["scheduler"] is None else "")
                              + " a scheduler, this trainer is the other way round")
    for name in _SETTINGS:
        if state["settings"].get(name) != getattr(trainer, name):
            raise CheckpointError(f"the checkpoint was made with {name}={state['settings'].get(name)!r}, this trainer "
                                  f"has {name}={getattr(trainer, name)!r}")
    tally = copy.copy(trainer._tally)
    before = trainer.net.state_dict(), trainer.optimizer.state_dict(), state_of_schedules(trainer.scheduler)
    callbacks = [callback.state_dict() for callback in trainer.callbacks]
    try:
        tally.load_state_dict(state["sums"])
        sums = {"seconds": state["sums"]["seconds"], "lr": list(state["sums"]["lr"])}
        history = History((key, list(values)) for key, values in state["history"].items())
        _load_parts(trainer, state["model"], state["optimizer"], state["scheduler"])
        for callback, own in _assigned(trainer.callbacks, state["callbacks"]):
            callback.load_state_dict(own)
    except Exception as error:
        _load_parts(trainer, *before)
        for callback, former in zip(trainer.callbacks, callbacks, strict=True):
            if former:
                callback.load_state_dict(former)
        raise CheckpointError(f"the checkpoint does not fit: {error.args[0] if error.args else error}") from error
    trainer.seed, trainer.epoch, trainer.batch = state["seed"], state["epoch"], state["batch"]
    trainer._plan, trainer._sums, trainer._tally = state["plan"], sums, tally
    trainer.epochs = state["epochs"]
    trainer.history = history
    trainer.stop_reason = state["stop_reason"]
    trainer.resumed = True


def _assigned(callbacks, saved):
    """Pairs of a callback and what was saved of it: of several of one type those that hold the same things first."""
    left, pairs, homeless = list(saved), [], []
    for again in (False, True):
        for callback in homeless if again else callbacks:
            own = set(callback.state_dict())
            mine = next((k for k, c in enumerate(left)
                         if c["type"] == type(callback).__name__ and (again or set(c["state"]) == own)), None)
            if mine is not None:
                pairs.append((callback, left.pop(mine)["state"]))
            elif not again:
                homeless.append(callback)
    return pairs


def _load_parts(trainer, model, optimizer, scheduler):
    trainer.net.load_state_dict(model)
    trainer.optimizer.load_state_dict(optimizer)
    load_schedules(trainer.scheduler, scheduler)
