"""Residual networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl import nn
from tinydl.nn.batchnorm import normalised
from tinydl.ops.checks import as_input

if TYPE_CHECKING:
    from typing import Literal

__all__ = ["ResNet18", "ResNet20", "ResNet29Bottleneck", "resnet18", "resnet20", "resnet29_bottleneck"]


def _initialise(net):
    """He's initialisation of a residual net: normal by fan_out for convolutions; norms start as the identity."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class _ResNet(nn.Module):
    """Stem conv-bn-relu (and a pool), stages of residual blocks, global average, one linear layer."""

    def __init__(self, stages, in_channels, num_classes, width=16, stem="cifar"):
        window, stride = (3, 1) if stem == "cifar" else (7, 2)
        self.conv1 = nn.Conv2d(in_channels, width, window, stride, window // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = None if stem == "cifar" else nn.MaxPool2d(3, 2, 1)
        for k, (stage, _) in enumerate(stages, 1):
            setattr(self, f"layer{k}", stage)
        self.n_stages = len(stages)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(stages[-1][1], num_classes)
        _initialise(self)

    def forward(self, x):
        """Images (N, C, H, W) to logits (N, num_classes)."""
        x = self.relu(normalised(self.conv1, self.bn1, as_input(x, self.conv1.weight.dtype)))
        if self.maxpool is not None:
            x = self.maxpool(x)
        for k in range(1, self.n_stages + 1):
            x = getattr(self, f"layer{k}")(x)
        return self.fc(self.flatten(self.avgpool(x)))


class ResNet20(_ResNet):
    """See `resnet20`."""

    def __init__(self, num_classes=10, in_channels=3):
        stages = []
        c = 16
        for o, stride in ((16, 1), (32, 2), (64, 2)):
            blocks = [nn.ResidualBlock(c, o, stride), nn.ResidualBlock(o), nn.ResidualBlock(o)]
            stages.append((nn.Sequential(*blocks), o))
            c = o
        super().__init__(stages, in_channels, num_classes)


class ResNet29Bottleneck(_ResNet):
    """See `resnet29_bottleneck`."""

    def __init__(self, num_classes=10, in_channels=3):
        stages = []
        c = 16
        for width, stride in ((16, 1), (32, 2), (64, 2)):
            o = 4 * width
            blocks = [nn.BottleneckBlock(c, width, o, stride)] + [nn.BottleneckBlock(o, width) for _ in range(2)]
            stages.append((nn.Sequential(*blocks), o))
            c = o
        super().__init__(stages, in_channels, num_classes)


class ResNet18(_ResNet):
    """See `resnet18`."""

    def __init__(self, num_classes=10, in_channels=3, stem="cifar"):
        if stem not in ("cifar", "imagenet"):
            raise ValueError(f"the stem must be 'cifar' or 'imagenet', got {stem!r}")
        stages = []
        c = 64
        for o, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            stages.append((nn.Sequential(nn.ResidualBlock(c, o, stride), nn.ResidualBlock(o)), o))
            c = o
        super().__init__(stages, in_channels, num_classes, 64, stem)


def resnet18(num_classes: int = 10, in_channels: int = 3, stem: Literal["cifar", "imagenet"] = "cifar") -> ResNet18:
    """The ResNet-18 of He et al. (2015), of which torchvision's weights load.

    Four stages of two residual blocks with 64, 128, 256, 512 channels, stride 2 at stages 2 to 4, 1x1 projection
    shortcuts where the shape changes, global average. Parameters have torchvision's names and shapes; weights for
    ImageNet need ``resnet18(1000, stem="imagenet")``.

    Parameters
    ----------
    num_classes, in_channels : int
    stem : {'cifar', 'imagenet'}
        What the first stage gets: conv 64@3x3 for images of about 32x32, or conv 64@7x7 with stride 2 and pool 3x3 with
        stride 2, for 224x224.
    """
    return ResNet18(num_classes, in_channels, stem)


def resnet20(num_classes: int = 10, in_channels: int = 3) -> ResNet20:
    """The CIFAR ResNet-20 of He et al. (2015) with 1x1 projection shortcuts (option B).

    Stem 16@3x3, three stages of three residual blocks with 16, 32, 64 channels, stride 2 at stages 2 and 3, global
    average.

    Parameters
    ----------
    num_classes, in_channels : int
    """
    return ResNet20(num_classes, in_channels)


def resnet29_bottleneck(num_classes: int = 10, in_channels: int = 3) -> ResNet29Bottleneck:
    """Stem 16@3x3, three stages of three bottlenecks with widths 16, 32, 64 (times 4), stride 2 at stages 2 and 3.

    Parameters
    ----------
    num_classes, in_channels : int
    """
    return ResNet29Bottleneck(num_classes, in_channels)
