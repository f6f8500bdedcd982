"""The named table of shapes that kernel tests and benchmarks share.

Every problem has a name, a batch size and tags: `bench` marks the layers of the model networks at the batch size they
are timed with, `small` those cheap enough for a test of every kernel, dtype and thread count. The layers of the
networks are in the table twice, once at batch 2 as `small`. `select` finds them.
"""

from dataclasses import dataclass, field, replace

__all__ = [
    "BATCHNORMS", "CONVS", "GROUPNORMS", "LINEARS", "POOLS", "BatchNorm", "Conv", "GroupNorm", "Linear", "Pool",
    "select",
]


def _out(size, window, stride, padding, dilation):
    return (size + 2 * padding - dilation * (window - 1) - 1) // stride + 1


@dataclass(frozen=True)
class Conv:
    """A convolution in the legend N, C, H, W, O, KH, KW, ...; 1-D when `ndim` is 1 (then H = KH = SH = DH = 1)."""

    name: str
    N: int
    C: int
    H: int
    W: int
    O: int
    KH: int
    KW: int
    SH: int = 1
    SW: int = 1
    PH: int = 0
    PW: int = 0
    DH: int = 1
    DW: int = 1
    G: int = 1
    ndim: int = 2
    tags: frozenset = field(default=frozenset())

    @property
    def P(self):
        """Output rows."""
        return _out(self.H, self.KH, self.SH, self.PH, self.DH)

    @property
    def Q(self):
        """Output columns."""
        return _out(self.W, self.KW, self.SW, self.PW, self.DW)

    @property
    def geometry(self):
        """The tuple that the conv kernels take."""
        return (self.N, self.C, self.H, self.W, self.O, self.KH, self.KW, self.SH, self.SW, self.PH, self.PW, self.DH,
                self.DW, self.G, self.P, self.Q)

    @property
    def x_shape(self):
        """(N, C, H, W) or (N, C, L)."""
        return (self.N, self.C, self.H, self.W) if self.ndim == 2 else (self.N, self.C, self.W)

    @property
    def w_shape(self):
        """(O, C / G, KH, KW) or (O, C / G, K)."""
        window = (self.KH, self.KW) if self.ndim == 2 else (self.KW,)
        return (self.O, self.C // self.G, *window)

    @property
    def y_shape(self):
        """(N, O, P, Q) or (N, O, Q)."""
        return (self.N, self.O, self.P, self.Q) if self.ndim == 2 else (self.N, self.O, self.Q)

    @property
    def macs(self):
        """Multiply-adds of one forward pass, those with padding included."""
        return self.N * self.P * self.Q * self.O * self.C // self.G * self.KH * self.KW


@dataclass(frozen=True)
class Pool:
    """A pooling window in the legend of `Conv`, channels unchanged."""

    name: str
    N: int
    C: int
    H: int
    W: int
    KH: int
    KW: int
    SH: int
    SW: int
    PH: int = 0
    PW: int = 0
    DH: int = 1
    DW: int = 1
    ndim: int = 2
    ceil_mode: bool = False
    tags: frozenset = field(default=frozenset())

    def _out(self, size, window, stride, padding, dilation):
        n = _out(size, window, stride, padding, dilation)
        if self.ceil_mode:
            n = -(-(size + 2 * padding - dilation * (window - 1) - 1) // stride) + 1
            if (n - 1) * stride >= size + padding:  # every window starts inside the input or its left padding
                n -= 1
        return n

    @property
    def P(self):
        """Output rows."""
        return self._out(self.H, self.KH, self.SH, self.PH, self.DH)

    @property
    def Q(self):
        """Output columns."""
        return self._out(self.W, self.KW, self.SW, self.PW, self.DW)

    @property
    def geometry(self):
        """The tuple that the pooling kernels take."""
        return (self.N, self.C, self.H, self.W, self.KH, self.KW, self.SH, self.SW, self.PH, self.PW, self.DH, self.DW,
                self.P, self.Q)

    @property
    def x_shape(self):
        """(N, C, H, W) or (N, C, L)."""
        return (self.N, self.C, self.H, self.W) if self.ndim == 2 else (self.N, self.C, self.W)

    @property
    def y_shape(self):
        """(N, C, P, Q) or (N, C, Q)."""
        return (self.N, self.C, self.P, self.Q) if self.ndim == 2 else (self.N, self.C, self.Q)


@dataclass(frozen=True)
class Linear:
    """y (N, O) = x (N, K) times the transpose of w (O, K)."""

    name: str
    N: int
    K: int
    O: int
    tags: frozenset = field(default=frozenset())

    @property
    def macs(self):
        """Multiply-adds of one forward pass."""
        return self.N * self.K * self.O


@dataclass(frozen=True)
class BatchNorm:
    """Batch norm over an activation of `shape` (N, C, *spatial)."""

    name: str
    shape: tuple
    tags: frozenset = field(default=frozenset())

    @property
    def N(self):
        """Batch size."""
        return self.shape[0]


@dataclass(frozen=True)
class GroupNorm(BatchNorm):
    """Group norm over an activation of `shape` (N, C, *spatial) in `groups` groups of C / groups channels."""

    groups: int = 1


_SMALL, _BENCH = frozenset({"small"}), frozenset({"bench"})


def _square(name, n, c, size, o, k, s=1, p=0, **more):
    return Conv(name, n, c, size, size, o, k, k, s, s, p, p, **more)


def _line(name, n, c, length, o, k, s=1, p=0, d=1, g=1, **more):
    return Conv(name, n, c, 1, length, o, 1, k, 1, s, 0, p, 1, d, g, ndim=1, **more)


def _pool(name, n, c, size, k, s=None, **more):
    return Pool(name, n, c, size, size, k, k, s or k, s or k, **more)


def _pool_line(name, n, c, length, k, s=None, p=0, d=1, **more):
    return Pool(name, n, c, 1, length, 1, k, 1, s or k, 0, p, 1, d, ndim=1, **more)


def _layers(*problems):
    """Each problem as a `bench` one and, at batch 2, as a `small` one."""
    return [replace(p, tags=p.tags | _BENCH) for p in problems] + [_at_two(p) for p in problems]


def _at_two(p):
    if isinstance(p, BatchNorm):
        return replace(p, name=p.name + "/2", shape=(2, *p.shape[1:]), tags=p.tags | _SMALL)
    return replace(p, name=p.name + "/2", N=2, tags=p.tags | _SMALL)


def _small(*problems):
    return [replace(p, tags=p.tags | _SMALL) for p in problems]


def _bottleneck(stage, c, width, size, stride):
    """The different convolutions of a stage of three bottleneck blocks, the first of which has a projection."""
    name, wide, out = f"resnet29_bottleneck.layer{stage}", 4 * width, size // stride
    return [_square(f"{name}.0.conv1", 128, c, size, width, 1),
            _square(f"{name}.0.conv2", 128, width, size, width, 3, stride, 1),
            _square(f"{name}.0.conv3", 128, width, out, wide, 1),
            _square(f"{name}.0.downsample", 128, c, size, wide, 1, stride),
            _square(f"{name}.1.conv1", 128, wide, out, width, 1),
            _square(f"{name}.1.conv2", 128, width, out, width, 3, 1, 1)]


CONVS = tuple(_layers(
    _square("lenet5.conv1", 64, 1, 28, 6, 5, 1, 2), _square("lenet5.conv2", 64, 6, 14, 16, 5),
    _square("mnist_cnn.conv1", 64, 1, 28, 32, 3), _square("mnist_cnn.conv2", 64, 32, 26, 64, 3),
    _square("vgg_small.conv1", 128, 3, 32, 32, 3, 1, 1), _square("vgg_small.conv2", 128, 32, 32, 32, 3, 1, 1),
    _square("vgg_small.conv3", 128, 32, 16, 64, 3, 1, 1), _square("vgg_small.conv4", 128, 64, 16, 64, 3, 1, 1),
    _square("vgg_small.conv5", 128, 64, 8, 128, 3, 1, 1), _square("vgg_small.conv6", 128, 128, 8, 128, 3, 1, 1),
    _square("resnet20.conv1", 128, 3, 32, 16, 3, 1, 1), _square("resnet20.layer1", 128, 16, 32, 16, 3, 1, 1),
    _square("resnet20.layer2.0.conv1", 128, 16, 32, 32, 3, 2, 1),
    _square("resnet20.layer2.0.downsample", 128, 16, 32, 32, 1, 2),
    _square("resnet20.layer2", 128, 32, 16, 32, 3, 1, 1),
    _square("resnet20.layer3.0.conv1", 128, 32, 16, 64, 3, 2, 1),
    _square("resnet20.layer3.0.downsample", 128, 32, 16, 64, 1, 2),
    _square("resnet20.layer3", 128, 64, 8, 64, 3, 1, 1),
    *_bottleneck(1, 16, 16, 32, 1), *_bottleneck(2, 64, 32, 32, 2), *_bottleneck(3, 128, 64, 16, 2),
    _line("m5.conv1", 64, 1, 8000, 32, 80, 16), _line("m5.conv2", 64, 32, 124, 32, 3),
    _line("m5.conv3", 64, 32, 30, 64, 3), _line("m5.conv4", 64, 64, 7, 64, 3),
    Conv("ds_cnn.conv1", 100, 1, 49, 10, 64, 10, 4, 2, 2, 5, 1),
    Conv("ds_cnn.depthwise", 100, 64, 25, 5, 64, 3, 3, 1, 1, 1, 1, G=64),
    Conv("ds_cnn.pointwise", 100, 64, 25, 5, 64, 1, 1),
) + _small(
    Conv("one_by_one_pixel", 3, 5, 1, 1, 7, 1, 1),
    Conv("window_is_image", 2, 3, 5, 4, 6, 5, 4),
    Conv("stride_over_window", 2, 4, 11, 10, 5, 2, 2, 3, 4),
    Conv("stride_under_window", 2, 3, 13, 12, 17, 5, 4, 2, 3, 2, 1),
    Conv("rectangle", 2, 7, 9, 14, 9, 1, 5, 1, 2, 0, 2),
    Conv("padding_over_window", 1, 2, 3, 3, 4, 2, 2, 1, 1, 3, 3),
    Conv("dilation", 2, 5, 14, 13, 6, 3, 3, 1, 1, 2, 2, 2, 2),
    Conv("dilation_stride", 2, 3, 15, 17, 8, 3, 2, 2, 3, 2, 1, 3, 2),
    Conv("groups", 2, 6, 8, 8, 9, 3, 3, 1, 1, 1, 1, 1, 1, 3),
    Conv("groups_wide", 2, 64, 6, 6, 32, 3, 3, 1, 1, 1, 1, 1, 1, 2),
    Conv("depthwise", 2, 19, 9, 9, 19, 3, 3, 1, 1, 1, 1, 1, 1, 19),
    Conv("depthwise_two_each", 1, 8, 10, 10, 16, 3, 3, 2, 2, 1, 1, 1, 1, 8),
    Conv("channels_15_17", 2, 15, 7, 7, 17, 3, 3, 1, 1, 1, 1),
    Conv("channels_33_31", 3, 33, 7, 5, 31, 3, 3, 1, 1, 1, 1),
    Conv("channels_100_130", 1, 100, 5, 5, 130, 3, 3, 1, 1, 1, 1),
    Conv("one_channel_each", 4, 1, 6, 6, 1, 3, 3),
    Conv("one_by_one_stride", 2, 24, 9, 9, 40, 1, 1, 2, 2),
    Conv("one_by_one_padded", 2, 8, 4, 4, 8, 1, 1, 1, 1, 1, 1),
    Conv("one_row", 2, 16, 1, 40, 16, 1, 3, 1, 1, 0, 1),
    Conv("one_column", 2, 16, 40, 1, 16, 3, 1, 1, 1, 1, 0),
    Conv("seven_by_seven", 1, 3, 23, 23, 20, 7, 7, 2, 2, 3, 3),
    Conv("few_channels", 3, 6, 9, 11, 18, 4, 5, 1, 1, 3, 2, 2, 1),
    Conv("few_channels_over_a_vector", 2, 20, 7, 9, 5, 2, 3, 1, 1, 0, 1),
    Conv("many_images", 37, 2, 4, 4, 3, 3, 3, 1, 1, 1, 1),
    Conv("no_images", 0, 3, 8, 8, 4, 3, 3, 1, 1, 1, 1),
    _line("line", 3, 5, 20, 7, 3, 1, 1), _line("line_stride", 2, 1, 100, 9, 8, 5),
    _line("line_dilation", 2, 4, 31, 6, 3, 2, 4, 4),
    _line("line_groups", 2, 12, 17, 18, 5, 1, 2, 1, 6), _line("line_no_images", 0, 2, 9, 3, 3),
))

POOLS = tuple(_layers(
    _pool("lenet5.pool1", 64, 6, 28, 2), _pool("lenet5.pool2", 64, 16, 10, 2), _pool("mnist_cnn.pool", 64, 64, 24, 2),
    _pool("vgg_small.pool1", 128, 32, 32, 2), _pool("vgg_small.pool2", 128, 64, 16, 2),
    _pool_line("m5.pool1", 64, 32, 496, 4), _pool_line("m5.pool2", 64, 32, 122, 4),
    _pool_line("m5.pool3", 64, 64, 28, 4), _pool_line("m5.pool4", 64, 64, 5, 4),
) + _small(
    Pool("one_by_one", 2, 5, 4, 4, 1, 1, 1, 1),
    Pool("window_is_image", 3, 4, 5, 6, 5, 6, 1, 1),
    Pool("overlapping", 2, 16, 9, 9, 3, 3, 2, 2, 1, 1),
    Pool("overlapping_stride_one", 2, 3, 7, 8, 3, 3, 1, 1, 1, 1),
    Pool("stride_over_window", 2, 5, 11, 10, 2, 2, 3, 4),
    Pool("rest_at_the_end", 2, 7, 9, 11, 2, 2, 2, 2),
    Pool("rectangle", 2, 17, 10, 9, 3, 2, 1, 3, 1, 1),
    Pool("dilation", 2, 6, 12, 13, 2, 3, 1, 2, 1, 1, 3, 2),
    Pool("ceil_mode", 2, 10, 8, 7, 3, 3, 2, 2, 1, 0, ceil_mode=True),
    Pool("ceil_mode_rest", 1, 33, 6, 6, 2, 2, 4, 4, 1, 1, ceil_mode=True),
    Pool("large_window", 1, 3, 20, 20, 16, 16, 2, 2, 3, 3),
    Pool("one_channel", 3, 1, 8, 8, 2, 2, 2, 2),
    Pool("channels_31", 2, 31, 6, 6, 2, 2, 2, 2),
    Pool("channels_100", 1, 100, 4, 4, 3, 3, 1, 1),
    Pool("empty_windows", 1, 3, 3, 3, 2, 2, 1, 1, 3, 3, 4, 4),
    Pool("no_images", 0, 3, 8, 8, 2, 2, 2, 2),
    _pool_line("line", 3, 5, 21, 2), _pool_line("line_overlapping", 2, 9, 20, 5, 2, 2),
    _pool_line("line_dilation", 2, 4, 19, 3, 2, 1, 3), _pool_line("line_no_images", 0, 2, 9, 3),
))

LINEARS = tuple(_layers(
    Linear("mlp.fc1", 64, 784, 256), Linear("mlp.fc2", 64, 256, 10), Linear("lenet5.fc1", 64, 400, 120),
    Linear("lenet5.fc2", 64, 120, 84), Linear("lenet5.fc3", 64, 84, 10), Linear("mnist_cnn.fc1", 64, 9216, 128),
    Linear("mnist_cnn.fc2", 64, 128, 10), Linear("vgg_small.fc", 128, 128, 10), Linear("resnet20.fc", 128, 64, 10),
    Linear("resnet29_bottleneck.fc", 128, 256, 10), Linear("ds_cnn.fc", 100, 64, 12),
) + _small(
    Linear("one_by_one", 1, 1, 1), Linear("row", 1, 37, 19), Linear("column", 23, 5, 1), Linear("odd", 13, 31, 33),
    Linear("tall", 70, 3, 17), Linear("wide", 5, 17, 130), Linear("long", 3, 1000, 7), Linear("no_rows", 0, 8, 4),
))

BATCHNORMS = tuple(_layers(
    BatchNorm("vgg_small.bn1", (128, 32, 32, 32)), BatchNorm("vgg_small.bn3", (128, 64, 16, 16)),
    BatchNorm("vgg_small.bn5", (128, 128, 8, 8)), BatchNorm("resnet20.bn1", (128, 16, 32, 32)),
    BatchNorm("resnet20.layer2", (128, 32, 16, 16)), BatchNorm("resnet20.layer3", (128, 64, 8, 8)),
    BatchNorm("resnet29_bottleneck.bn3", (128, 64, 32, 32)), BatchNorm("resnet29_bottleneck.layer3", (128, 256, 8, 8)),
    BatchNorm("m5.bn1", (64, 32, 496)), BatchNorm("m5.bn4", (64, 64, 5)),
) + _small(
    BatchNorm("two_values", (2, 3)), BatchNorm("features", (50, 17)), BatchNorm("many_features", (6, 1200)),
    BatchNorm("one_channel", (4, 1, 9, 9)), BatchNorm("rgb", (5, 3, 20, 21)), BatchNorm("six", (3, 6, 28, 28)),
    BatchNorm("channels_15", (2, 15, 7, 9)), BatchNorm("channels_17", (3, 17, 31, 11)),
    BatchNorm("channels_100", (2, 100, 13, 6)), BatchNorm("channels_127", (1, 127, 30, 40)),
    BatchNorm("line", (3, 10, 333)), BatchNorm("no_images", (0, 4, 5, 5)),
))

GROUPNORMS = tuple(_layers(
    GroupNorm("vgg_small.gn1", (128, 32, 32, 32), groups=8), GroupNorm("resnet20.layer2", (128, 32, 16, 16), groups=4),
    GroupNorm("resnet29_bottleneck.layer3", (128, 256, 8, 8), groups=32), GroupNorm("m5.gn1", (64, 32, 496), groups=8),
) + _small(
    GroupNorm("two_values", (1, 2)), GroupNorm("features", (50, 18), groups=3),
    GroupNorm("many_features", (6, 1200), groups=5), GroupNorm("one_value_each", (3, 4), groups=4),
    GroupNorm("one_channel", (4, 1, 9, 9)), GroupNorm("rgb", (5, 3, 20, 21), groups=3),
    GroupNorm("six", (3, 6, 28, 28), groups=2), GroupNorm("channels_15", (2, 15, 7, 9), groups=5),
    GroupNorm("channels_17", (3, 17, 31, 11), groups=17), GroupNorm("channels_100", (2, 100, 13, 6), groups=4),
    GroupNorm("channels_127", (1, 127, 30, 40)), GroupNorm("many_images", (150, 6, 2, 3), groups=2),
    GroupNorm("volume", (2, 6, 3, 4, 5), groups=3), GroupNorm("line", (3, 10, 333), groups=2),
    GroupNorm("long", (1, 4, 300_000), groups=2), GroupNorm("no_images", (0, 4, 5, 5), groups=2),
))


def select(table, tag):
    """The problems of `table` with `tag`, in the order of the table.

    Examples
    --------
    >>> select(LINEARS, "bench")[0].name
    'mlp.fc1'
    """
    return [p for p in table if tag in p.tags]
