"""The buffers of a net, which a forward pass changes, put back when its batch fails."""

__all__ = ["Buffers"]


class Buffers:
    """Running statistics and other buffers as they were before a batch.

    Parameters
    ----------
    net : nn.Module
    """

    def __init__(self, net):
        self._owners = [module for module in net.modules() if module._own_buffers()]
        self._saved = []

    def remember(self):
        """Note all values."""
        self._saved = [(module, name, array, array.copy())
                       for module in self._owners for name, array in module._own_buffers()]

    def restore(self):
        """Return to the values of the last `remember`, in the arrays of then."""
        for module, name, array, values in self._saved:
            array[...] = values
            setattr(module, name, array)
