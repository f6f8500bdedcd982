"""The wide network that learns CIFAR-10 in few operations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinydl import nn
from tinydl.models.simple import image
from tinydl.ops.checks import as_input

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AirBench", "airbench"]


def _bias_norm(c):
    """A batch norm that trains its bias alone and forgets fast."""
    norm = nn.BatchNorm2d(c, eps=1e-12, momentum=0.4)
    norm.weight.requires_grad = False
    return norm


class AirBench(nn.Module):
    """See `airbench`."""

    def __init__(self, num_classes=10, input_shape=(3, 32, 32)):
        c, h, w = image(input_shape, 9)
        window = [min((n - 1) // 8, 3) for n in (h, w)]
        layers, n_filters = [nn.GELU()], 2 * 4 * c
        for i, o in ((n_filters, 64), (64, 256), (256, 256)):
            layers += [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.MaxPool2d(2), _bias_norm(o), nn.GELU(),
                       nn.Conv2d(o, o, 3, padding=1, bias=False), _bias_norm(o), nn.GELU()]
        self.whiten = nn.Conv2d(c, n_filters, 2)
        self.layers = nn.Sequential(*layers, nn.MaxPool2d(window), nn.Flatten())
        self.head = nn.Linear(256 * math.prod((n - 1) // 8 // k for n, k in zip((h, w), window, strict=True)),
                              num_classes, bias=False)
        self.whiten.weight.requires_grad = False
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.dirac_(layer.weight, keep=True)
        nn.init.normal_(self.head.weight)

    def forward(self, x):
        """Images (N, C, H, W) to logits (N, num_classes)."""
        x = self.layers(self.whiten(as_input(x, self.head.weight.dtype)))
        return self.head(x) * (1 / self.head.in_features)


def airbench(num_classes: int = 10, input_shape: Sequence[int] = (3, 32, 32)) -> AirBench:
    """The wide net of Jordan (2024) that learns CIFAR-10 in few operations, 24-64-64-256-256-256-256.

    A first layer 24@2x2, three groups of conv 3x3, pool 2, batch norm, GELU, conv 3x3, batch norm, GELU, then pool 3
    and one linear layer, whose results are divided by the number of its inputs. The 3x3 layers have no bias, and their
    first filters start as the identity. The batch norms train their bias alone, and their running statistics keep 0.6
    of themselves a step. The first layer trains its bias alone, too: its filters are random here, and those that whiten
    the training images (`nn.init.whitening_`) in the recipe.

    Parameters
    ----------
    num_classes : int
    input_shape : tuple of int
        (C, H, W), at least 9x9.

    References
    ----------
    K. Jordan, "94 % on CIFAR-10 in 3.29 seconds on a single GPU", arXiv:2404.00498, and its later version with Muon.
    """
    return AirBench(num_classes, input_shape)
