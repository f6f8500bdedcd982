"""All that a resumed training needs, as one tree of arrays and plain values."""

from tinydl.train.checkpoint import CheckpointError

__all__ = ["load_state", "state_of"]

_PARTS = {"model", "optimizer", "scheduler", "callbacks", "seed", "epoch", "batch", "plan", "sums", "history",
          "stop_reason"}


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
        "scheduler": None if trainer.scheduler is None else trainer.scheduler.state_dict(),
        "callbacks": callbacks,
        "seed": trainer.seed,
        "epoch": trainer.epoch,
        "batch": trainer.batch,
        "plan": trainer._plan,
        "sums": {**trainer._sums, **trainer._tally.state_dict()},
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
    if (state["scheduler"] is None) != (trainer.scheduler is None):
        raise CheckpointError("the checkpoint was made with" + ("out" if state["scheduler"] is None else "")
                              + " a scheduler, this trainer is the other way round")
    before = (trainer.net.state_dict(), trainer.optimizer.state_dict(),
              None if trainer.scheduler is None else trainer.scheduler.state_dict())
    callbacks = [callback.state_dict() for callback in trainer.callbacks]
    try:
        _load_parts(trainer, state["model"], state["optimizer"], state["scheduler"])
        left = list(state["callbacks"])
        for callback in trainer.callbacks:
            mine = next((c for c in left if c["type"] == type(callback).__name__), None)
            if mine is not None:
                left.remove(mine)
                callback.load_state_dict(mine["state"])
    except Exception as error:
        _load_parts(trainer, *before)
        for callback, former in zip(trainer.callbacks, callbacks, strict=True):
            if former:
                callback.load_state_dict(former)
        raise CheckpointError(f"the checkpoint does not fit: {error.args[0] if error.args else error}") from error
    trainer.seed, trainer.epoch, trainer.batch = state["seed"], state["epoch"], state["batch"]
    trainer._plan, trainer._sums = state["plan"], {name: state["sums"][name] for name in ("seconds", "lr")}
    trainer._tally.load_state_dict(state["sums"])
    trainer.history = {key: list(values) for key, values in state["history"].items()}
    trainer.stop_reason = state["stop_reason"]
    trainer.resumed = True


def _load_parts(trainer, model, optimizer, scheduler):
    trainer.net.load_state_dict(model)
    trainer.optimizer.load_state_dict(optimizer)
    if trainer.scheduler is not None:
        trainer.scheduler.load_state_dict(scheduler)
