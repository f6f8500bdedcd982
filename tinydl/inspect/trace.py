"""One forward pass taken apart: which operation ran in which module, and what it made."""

import copy

import numpy as np

from tinydl.config import no_grad
from tinydl.graph import recording
from tinydl.tensor import Tensor

__all__ = ["sample_shape", "trace"]


def trace(net, input_shape):
    """Run a copy of `net` on one sample of zeros in evaluation mode and note what happens.

    Parameters
    ----------
    net : nn.Module
        Stays as it is; forward hooks are not called.
    input_shape : tuple of int
        Shape of one sample, without the batch axis.

    Returns
    -------
    tinydl.graph.Graph
        Its calls are those of the net's modules, the last one of the net itself.
    """
    shape = sample_shape(input_shape)
    net = copy.deepcopy(net).eval()
    for module in net.modules():
        module._forward_hooks = ()
    dtype = next((p.dtype for p in net.parameters()), np.dtype(np.float32))
    x = Tensor(np.zeros((1, *shape), dtype))
    with no_grad(), recording(x) as graph, graph.following(net):
        net(x)
    return graph


def sample_shape(input_shape):
    """The shape of a sample as a tuple of positive ints."""
    shape = (input_shape,) if hasattr(input_shape, "__index__") else tuple(input_shape)
    if not shape or not all(hasattr(n, "__index__") and n >= 1 for n in shape):
        raise ValueError(f"input_shape is the shape of one sample, such as (3, 32, 32), got {input_shape!r}")
    return tuple(int(n) for n in shape)
