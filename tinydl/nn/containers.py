"""What Python's containers hold."""

from collections import deque

__all__ = ["CONTAINERS", "contained"]

CONTAINERS = (list, tuple, dict, set, frozenset, deque)


def contained(container, kinds, outer=()):
    """The objects of some kinds in a container, at any depth.

    Parameters
    ----------
    container : list, tuple, dict, set, frozenset or deque
        It may hold itself.
    kinds : tuple of type
    outer : tuple
        The containers around it.

    Returns
    -------
    list
    """
    found = []
    for item in container.values() if isinstance(container, dict) else container:
        if isinstance(item, kinds):
            found.append(item)
        elif isinstance(item, CONTAINERS) and not any(item is each for each in (container, *outer)):
            found += contained(item, kinds, (*outer, container))
    return found
