"""The named networks.

| name | parameters | multiply-adds a sample | input |
|---|---|---|---|
| digits_cnn | 25,978 | 601,600 | 1x8x8 |
| mlp | 203,530 | 203,264 | 1x28x28 |
| lenet5 | 61,706 | 416,520 | 1x28x28 |
| lenet_bn | 29,178 | 1,924,992 | 1x28x28 |
| mnist_cnn | 1,199,882 | 11,992,448 | 1x28x28 |
| vgg_small | 288,746 | 38,634,752 | 3x32x32 |
| resnet18 | 11,173,962 | 555,422,720 | 3x32x32 |
| resnet20 | 272,474 | 40,813,184 | 3x32x32 |
| resnet29_bottleneck | 313,114 | 47,106,560 | 3x32x32 |
| airbench | 1,972,792 | 118,147,360 | 3x32x32 |
| m5 | 25,290 | 1,878,656 | 1x8000 |
| ds_cnn | 23,180 | 2,656,768 | 1x49x10 |
| picture_cnn | 98,970 | 15,926,528 | 3x64x64 |
| signal_cnn | 58,026 | 1,815,808 | 3x128 |
| table_mlp | 18,954 | 18,688 | 8 |
"""

from tinydl.models.residual import resnet18, resnet20, resnet29_bottleneck
from tinydl.models.simple import (
    digits_cnn,
    ds_cnn,
    lenet5,
    lenet_bn,
    m5,
    mlp,
    mnist_cnn,
    picture_cnn,
    signal_cnn,
    table_mlp,
    vgg_small,
)
from tinydl.models.wide import airbench

__all__ = [
    "INPUT_SHAPES", "airbench", "digits_cnn", "ds_cnn", "lenet5", "lenet_bn", "m5", "mlp", "mnist_cnn", "picture_cnn",
    "resnet18", "resnet20", "resnet29_bottleneck", "signal_cnn", "table_mlp", "vgg_small",
]

INPUT_SHAPES = {
    "airbench": (3, 32, 32),
    "digits_cnn": (1, 8, 8),
    "ds_cnn": (1, 49, 10),
    "lenet5": (1, 28, 28),
    "lenet_bn": (1, 28, 28),
    "m5": (1, 8000),
    "mlp": (1, 28, 28),
    "mnist_cnn": (1, 28, 28),
    "picture_cnn": (3, 64, 64),
    "resnet18": (3, 32, 32),
    "resnet20": (3, 32, 32),
    "resnet29_bottleneck": (3, 32, 32),
    "signal_cnn": (3, 128),
    "table_mlp": (8,),
    "vgg_small": (3, 32, 32),
}
