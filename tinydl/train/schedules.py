"""The learning-rate schedules of a training: none, one, or several that multiply."""

__all__ = ["after_epoch", "load_schedules", "per_batch", "schedules_of", "state_of_schedules"]


def schedules_of(scheduler):
    """The schedules that the argument of a Trainer says, as a list."""
    if scheduler is None:
        return []
    return list(scheduler) if isinstance(scheduler, (list, tuple)) else [scheduler]


def per_batch(scheduler):
    """Those that are stepped after every batch."""
    return [schedule for schedule in schedules_of(scheduler) if getattr(schedule, "per_batch", False)]


def after_epoch(scheduler, logs):
    """Step those that belong after every epoch; `logs` has the loss that a plateau looks at."""
    for schedule in schedules_of(scheduler):
        if getattr(schedule, "per_batch", False):
            continue
        if getattr(schedule, "needs_metric", False):
            schedule.step(logs.get("val_loss", logs["loss"]))
        else:
            schedule.step()


def state_of_schedules(scheduler):
    """What a checkpoint holds: None, the state of one, or the states of a list."""
    states = [schedule.state_dict() for schedule in schedules_of(scheduler)]
    return states if isinstance(scheduler, (list, tuple)) else next(iter(states), None)


def load_schedules(scheduler, state):
    """Take back what `state_of_schedules` gave.

    Raises
    ------
    ValueError
        Another number of schedules, or other kinds of them.
    """
    schedules = schedules_of(scheduler)
    states = state if isinstance(state, list) else [] if state is None else [state]
    if len(states) != len(schedules):
        raise ValueError(f"it was made with {len(states) or 'no'} schedule{'s' * (len(states) != 1)}, this trainer has "
                         f"{len(schedules) or 'none'}")
    for schedule, own in zip(schedules, states, strict=True):
        schedule.load_state_dict(own)
