"""Layers, losses, functional names and tensor methods beside PyTorch's of the same name (skipped without it)."""

import numpy as np
import pytest

import tinydl as td
import tinydl.nn.functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional
RNG = np.random.default_rng(0)


def close(ours, theirs, rtol=1e-9):
    ours = ours.numpy() if isinstance(ours, td.Tensor) else np.asarray(ours)
    theirs = theirs.detach().numpy() if torch.is_tensor(theirs) else np.asarray(theirs)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * max(1.0, np.abs(theirs).max(initial=0)))


def given(shape):
    """An input: normal numbers of a shape, or an array as it is."""
    return RNG.standard_normal(shape) if isinstance(shape, tuple) else shape


def compared(ours, theirs, inputs, rtol=1e-9):
    """Results and gradients of all floating inputs, upstream of random numbers."""
    arrays = [given(shape) for shape in inputs]
    floats = [a.dtype.kind == "f" for a in arrays]
    xs = [td.tensor(a, requires_grad=f) for a, f in zip(arrays, floats, strict=True)]
    ts = [torch.tensor(a, requires_grad=f) for a, f in zip(arrays, floats, strict=True)]
    y, t = ours(*xs), theirs(*ts)
    close(y, t, rtol)
    if t.requires_grad:
        dy = np.asarray(RNG.standard_normal(tuple(t.shape)))
        y.backward(dy)
        t.backward(torch.tensor(dy))
        for x, z in zip(xs, ts, strict=True):
            assert (x.grad is None) == (z.grad is None)
            if x.grad is not None:
                close(x.grad, z.grad, rtol)


N4, N3 = (2, 6, 5, 7), (2, 6, 9)
LAYERS = [
    ("SELU", (), [N4]), ("ReLU6", (), [(50,)]), ("Softplus", (2.5,), [(60,)]), ("LogSigmoid", (), [N3]),
    ("Softsign", (), [N3]), ("GLU", (), [(3, 8)]), ("GLU", (1,), [N4]), ("PReLU", (), [N4]), ("PReLU", (6,), [N4]),
    ("InstanceNorm1d", (6,), [N3]), ("InstanceNorm2d", (6, 1e-3, 0.1, True), [N4]), ("ZeroPad1d", (2,), [N3]),
    ("ZeroPad2d", ((1, 0, 2, 3),), [N4]), ("ConstantPad1d", ((1, 2), 3.5), [N3]), ("ConstantPad2d", (1, -2), [N4]),
    ("ReflectionPad1d", (3,), [N3]), ("ReflectionPad2d", ((1, 2, 3, 4),), [N4]), ("ReplicationPad1d", ((2, 1),), [N3]),
    ("ReplicationPad2d", (2,), [N4]), ("PixelShuffle", (2,), [(2, 8, 3, 5)]), ("LocalResponseNorm", (5,), [N4]),
    ("LocalResponseNorm", (2, 0.1, 0.5, 2.0), [N3]), ("LPPool2d", (2, 3), [np.abs(RNG.standard_normal((2, 3, 7, 8)))]),
    ("LPPool2d", (3.0, (2, 3), 1), [np.abs(RNG.standard_normal((2, 3, 7, 8)))]), ("Unfold", (3, 1, 1, 2), [N4]),
    ("Fold", ((5, 7), 2), [(2, 12, 24)]), ("Upsample", (None, 2), [N4]), ("Upsample", ((3, 11),), [N4]),
    ("Upsample", (None, (1.5, 3.0), "bilinear"), [N4]), ("Upsample", ((4, 9), None, "bilinear", True), [N4]),
    ("Upsample", (None, 2.5, "linear"), [N3]), ("Embedding", (7, 4), [np.array([[0, 6, 3], [3, 3, 1]])]),
    ("Embedding", (7, 4, 3), [np.array([0, 6, 3, 3])]), ("Dropout1d", (0.0,), [N3]), ("Dropout2d", (0.0,), [N4]),
]


@pytest.mark.parametrize(("name", "args", "inputs"), LAYERS, ids=[f"{k}-{row[0]}" for k, row in enumerate(LAYERS)])
def test_layers(name, args, inputs):
    theirs = getattr(torch.nn, name)(*args).double()
    ours = getattr(td.nn, name)(*args).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    compared(ours, theirs, inputs)
    for (mine, p), (his, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert mine == his
        close(p.grad, q.grad)
    if name != "Upsample":
        assert repr(ours) == repr(theirs).replace(", inplace=False", "").replace(
            ", bias=True", "").replace("affine=False, bias=False", "affine=False")


def test_hardsigmoid():
    """PyTorch rounds 1/6 to float32 in its gradient."""
    compared(td.nn.Hardsigmoid(), torch.nn.Hardsigmoid(), [np.linspace(-4, 4, 41)], 1e-7)


PROBABILITIES = RNG.dirichlet(np.ones(5), 4)
LOSSES = [
    ("L1Loss", {}, [(4, 5), (4, 5)]), ("SmoothL1Loss", {"beta": 0.5}, [(4, 5), (4, 5)]),
    ("SmoothL1Loss", {"beta": 0.0}, [(4, 5), (4, 5)]), ("BCELoss", {}, [PROBABILITIES, PROBABILITIES[::-1].copy()]),
    ("BCELoss", {"weight": RNG.uniform(0, 2, 5)}, [PROBABILITIES, PROBABILITIES[::-1].copy()]),
    ("KLDivLoss", {}, [np.log(PROBABILITIES), PROBABILITIES[::-1].copy()]),
    ("KLDivLoss", {"log_target": True}, [np.log(PROBABILITIES), np.log(PROBABILITIES[::-1])]),
    ("CosineEmbeddingLoss", {"margin": 0.1}, [(4, 5), (4, 5), np.array([1, -1, -1, 1])]),
    ("TripletMarginLoss", {"margin": 0.7}, [(4, 5)] * 3), ("TripletMarginLoss", {"p": 1.0}, [(4, 5)] * 3),
    ("MultiLabelSoftMarginLoss", {}, [(4, 5), RNG.integers(0, 2, (4, 5)).astype("f8")]),
    ("CrossEntropyLoss", {"label_smoothing": 0.1}, [(4, 5), PROBABILITIES]),
    ("CrossEntropyLoss", {"weight": RNG.uniform(0, 2, 5)}, [(4, 5, 3), RNG.dirichlet(np.ones(5), (4, 3)).swapaxes(1, 2)
                                                            .copy()]),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "options", "inputs"), LOSSES, ids=[f"{k}-{row[0]}" for k, row in enumerate(LOSSES)])
def test_losses(name, options, inputs, reduction):
    theirs = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    rtol = 1e-6 if "weight" in options else 1e-9  # weights are float32 here
    compared(getattr(td.nn, name)(reduction=reduction, **options),
             getattr(torch.nn, name)(reduction=reduction, **theirs), inputs, rtol)


def test_batchmean():
    compared(td.nn.KLDivLoss("batchmean"), torch.nn.KLDivLoss(reduction="batchmean"),
             [np.log(PROBABILITIES), PROBABILITIES[::-1].copy()])


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_focal_loss(reduction):
    """torchvision's formula, written out."""
    def theirs(x, t):
        p, ce = torch.sigmoid(x), TF.binary_cross_entropy_with_logits(x, t, reduction="none")
        q = p * t + (1 - p) * (1 - t)
        losses = (0.3 * t + 0.7 * (1 - t)) * ce * (1 - q) ** 1.5
        return losses.mean() if reduction == "mean" else losses
    compared(td.nn.FocalLoss(0.3, 1.5, reduction), theirs, [(4, 5), RNG.integers(0, 2, (4, 5)).astype("f8")])


ROUND = np.round(RNG.standard_normal((3, 4, 5)), 1)


def apart(T, x):
    """Numbers of which no two are equal: of ties PyTorch's choice differs from call to call."""
    return x + T.arange(60).view(3, 4, 5) * 1e-3


BOTH = {
    "F.avg_pool2d": lambda T, f, x: f.avg_pool2d(x[None], 2, 1, divisor_override=3),
    "F.cosine_similarity": lambda T, f, x: f.cosine_similarity(x, x.flip(1) * 2, dim=1),
    "F.cross_entropy": lambda T, f, x: f.cross_entropy(x, T.tensor([[0, 1, 2, 3, 0]] * 3), label_smoothing=0.1),
    "F.gelu": lambda T, f, x: f.gelu(x, approximate="tanh"),
    "F.interpolate": lambda T, f, x: f.interpolate(x[None], size=(7, 3), mode="bilinear", align_corners=False),
    "F.layer_norm": lambda T, f, x: f.layer_norm(x, (5,)),
    "F.leaky_relu": lambda T, f, x: f.leaky_relu(x, 0.2, inplace=False),
    "F.log_softmax": lambda T, f, x: f.log_softmax(x, dim=2),
    "F.normalize": lambda T, f, x: f.normalize(x, dim=1),
    "F.pad": lambda T, f, x: f.pad(x, (1, 2, 0, 1), "constant", 0.5),
    "F.softplus": lambda T, f, x: f.softplus(x, 2.0),
    "amax": lambda T, f, x: apart(T, x).amax((0, 2)),
    "argmax": lambda T, f, x: x.argmax(dim=1, keepdim=True),
    "argsort": lambda T, f, x: x.argsort(dim=0, stable=True) if T is torch else x.argsort(dim=0),
    "bmm": lambda T, f, x: T.bmm(x, x.transpose(1, 2)),
    "cat": lambda T, f, x: T.cat([x, x * 2], dim=1),
    "chunk": lambda T, f, x: x.chunk(3, dim=1)[1] * x.chunk(3, 1)[0],
    "clamp": lambda T, f, x: x.clamp(min=-0.5, max=0.7),
    "cumsum": lambda T, f, x: x.cumsum(dim=1),
    "einsum": lambda T, f, x: T.einsum("bij,bkj->bki", x, x),
    "einsum one": lambda T, f, x: T.einsum("bij->j", x),
    "einsum sums first": lambda T, f, x: T.einsum("bij,kjc->bc", x, x[:, :, :2].repeat(1, 2, 1)[:, :5]),
    "expand": lambda T, f, x: x[:, :1].expand(-1, 4, -1) + x[0, 0].expand_as(x),
    "flatten": lambda T, f, x: T.flatten(x, 1),
    "gather": lambda T, f, x: x.gather(1, T.tensor([[[0, 3], [1, 1]], [[2, 2], [0, 1]]])),
    "masked_fill": lambda T, f, x: x.masked_fill(x > 0, 7.0),
    "max": lambda T, f, x: x.max(1)[0] * x.max(dim=1, keepdim=False).values + x.max(),
    "max of two": lambda T, f, x: T.max(x, x.flip(0)) + T.min(x, x * 2),
    "mm": lambda T, f, x: x[0].mm(x[1].t()),
    "norm": lambda T, f, x: x.norm() + x.norm(p=1, dim=1).sum() + x.norm(3.0),
    "outer": lambda T, f, x: T.outer(x[0, 0], x[0, :, 0]),
    "pow": lambda T, f, x: x.pow(3) + T.pow(x.abs() + 1, 0.5),
    "prod": lambda T, f, x: x.prod(dim=2) + x[0, 0].prod(),
    "repeat": lambda T, f, x: x.repeat(2, 1, 3),
    "sort": lambda T, f, x: T.sort(x, dim=1, descending=True, stable=True)[0] if T is torch else
            T.sort(x, dim=1, descending=True)[0],
    "split": lambda T, f, x: x.split([1, 3], dim=1)[1] + x.split(2, 2)[0][:, :1, :1],
    "square": lambda T, f, x: x.square() + T.square(x),
    "stack": lambda T, f, x: T.stack([x, x], dim=-1),
    "std": lambda T, f, x: x.std(dim=1) + x.var(1),
    "sum": lambda T, f, x: x.sum(dim=(0, 2), keepdim=True),
    "topk": lambda T, f, x: apart(T, x).topk(2, dim=2)[0] + T.topk(apart(T, x), 2, largest=False).values,
    "topk places": lambda T, f, x: apart(T, x).topk(3, dim=-1).indices,
    "unbind": lambda T, f, x: x.unbind(1)[2],
    "view": lambda T, f, x: x.view(-1, 10).view_as(x.reshape(6, 10)),
    "where": lambda T, f, x: T.where(x > 0, x, x * 3),
}


@pytest.mark.parametrize("call", BOTH.values(), ids=BOTH)
def test_calls_that_are_written_alike(call):
    compared(lambda x: call(td, F, x), lambda x: call(torch, TF, x), [ROUND])


WHOLE = np.array([2, 0, 3])
FUNCTIONS = {
    "adaptive_avg_pool1d": lambda T, f, x: f.adaptive_avg_pool1d(x, 3),
    "adaptive_avg_pool2d": lambda T, f, x: f.adaptive_avg_pool2d(x[None], (2, 3)),
    "adaptive_max_pool1d": lambda T, f, x: f.adaptive_max_pool1d(apart(T, x), 3),
    "adaptive_max_pool2d": lambda T, f, x: f.adaptive_max_pool2d(apart(T, x)[None], (2, 3)),
    "avg_pool1d": lambda T, f, x: f.avg_pool1d(x, 2, 1, 1),
    "batch_norm": lambda T, f, x: f.batch_norm(x, None, None, x[0, :, 0], x[1, :, 0], training=True, eps=0.1),
    "binary_cross_entropy": lambda T, f, x: f.binary_cross_entropy(x.sigmoid(), x.detach().flip(0).sigmoid()),
    "binary_cross_entropy_with_logits": lambda T, f, x: f.binary_cross_entropy_with_logits(
        x, x.detach().sigmoid(), None, reduction="sum", pos_weight=x.detach()[0, 0].abs()),
    "conv1d": lambda T, f, x: f.conv1d(x, x[:2, :, :3], x[0, 0, :2], 2, 1),
    "conv2d": lambda T, f, x: f.conv2d(x[None], x[:2, None, :3, :2].expand(2, 3, 3, 2), None, padding=(1, 0)),
    "conv_transpose1d": lambda T, f, x: f.conv_transpose1d(x, x[:, :, :3].transpose(0, 1), None, 2, 1),
    "conv_transpose2d": lambda T, f, x: f.conv_transpose2d(x[None], x[:, None, :3, :2], stride=2),
    "cosine_embedding_loss": lambda T, f, x: f.cosine_embedding_loss(x[:, 0], x[:, 1], T.tensor([1, -1, 1]), 0.2),
    "dropout": lambda T, f, x: f.dropout(x, 0.5, False) + f.dropout(x, p=0.0),
    "dropout1d": lambda T, f, x: f.dropout1d(x, 0.5, training=False), "elu": lambda T, f, x: f.elu(x, 0.7),
    "dropout2d": lambda T, f, x: f.dropout2d(x[None], 0.5, training=False),
    "embedding": lambda T, f, x: f.embedding(T.tensor(WHOLE), x[0]), "glu": lambda T, f, x: f.glu(x, 1),
    "group_norm": lambda T, f, x: f.group_norm(x, 2, x[0, :, 0], x[1, :, 0]),
    "huber_loss": lambda T, f, x: f.huber_loss(x, x.flip(0), delta=0.5),
    "instance_norm": lambda T, f, x: f.instance_norm(x, weight=x[0, :, 0], bias=x[1, :, 0], eps=0.1),
    "kl_div": lambda T, f, x: f.kl_div(f.log_softmax(x, 1), f.softmax(x.detach(), 0), reduction="batchmean"),
    "l1_loss": lambda T, f, x: f.l1_loss(x, x.flip(0) * 3, reduction="sum"),
    "local_response_norm": lambda T, f, x: f.local_response_norm(x, 2, 0.1),
    "lp_pool2d": lambda T, f, x: f.lp_pool2d(x.abs()[None] + 0.1, 2.0, 2), "mish": lambda T, f, x: f.mish(x),
    "logsigmoid": lambda T, f, x: f.logsigmoid(x), "max_pool1d": lambda T, f, x: f.max_pool1d(apart(T, x), 2, 1),
    "max_pool2d": lambda T, f, x: f.max_pool2d(apart(T, x)[None], 2, stride=1, padding=1),
    "multilabel_soft_margin_loss": lambda T, f, x: f.multilabel_soft_margin_loss(x[0], (x.detach()[1] > 0).double()),
    "nll_loss": lambda T, f, x: f.nll_loss(x[:, :, 0], T.tensor(WHOLE), reduction="sum"),
    "pixel_shuffle": lambda T, f, x: f.pixel_shuffle(x[None, 0, :, None], 2), "relu6": lambda T, f, x: f.relu6(x * 9),
    "prelu": lambda T, f, x: f.prelu(x, x[0, :, 0]), "selu": lambda T, f, x: f.selu(x),
    "smooth_l1_loss": lambda T, f, x: f.smooth_l1_loss(x, x.flip(0), beta=0.5), "silu": lambda T, f, x: f.silu(x),
    "softsign": lambda T, f, x: f.softsign(x), "hardswish": lambda T, f, x: f.hardswish(x * 2 + 0.01),
    "triplet_margin_loss": lambda T, f, x: f.triplet_margin_loss(x[:, 0], x[:, 1], x[:, 2], margin=0.5),
}


@pytest.mark.parametrize("call", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_that_are_called_alike(call):
    compared(lambda x: call(td, F, x), lambda x: call(torch, TF, x), [ROUND + 0.013], 1e-6)


CREATED = {
    "arange": lambda T: T.arange(2, 11, 3), "arange float": lambda T: T.arange(0, 1, 0.25),
    "eye": lambda T: T.eye(3, 2), "full": lambda T: T.full((2, 3), 7), "full float": lambda T: T.full((2,), 7.5),
    "linspace": lambda T: T.linspace(0, 1, 7), "ones": lambda T: T.ones(2, 3), "one_hot": lambda T: (
        F if T is td else TF).one_hot(T.tensor([1, 0, 2]), 4), "zeros": lambda T: T.zeros((2, 1), dtype=T.int64),
    "tensor": lambda T: T.tensor([[1, 2], [3, 4]]), "floats": lambda T: T.tensor([1, 2.5]),
    "bools": lambda T: T.tensor([True, False]), "ones_like": lambda T: T.ones_like(T.tensor([1, 2])),
    "from_numpy": lambda T: T.from_numpy(np.arange(3.0)), "int": lambda T: T.tensor([1.7, -1.7]).int(),
}


@pytest.mark.parametrize("make", CREATED.values(), ids=CREATED)
def test_what_is_made(make):
    ours, theirs = make(td), make(torch)
    assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
    close(ours, theirs, 1e-6)


def test_gradients_and_hooks():
    def run(T):
        x = T.tensor([1.0, -2.0, 3.0], requires_grad=True)
        seen = []
        x.register_hook(lambda g: seen.append(g * 1) or g * 2)
        y = x * x
        y.register_hook(lambda g: g + 1)
        (y.sum() + x.sum()).backward()
        a = T.tensor([1.0, 2.0], requires_grad=True)
        b = a * a
        found = T.autograd.grad([(b * a).sum(), b.sum()], [a, b])
        return [seen[0], x.grad, *found]
    for ours, theirs in zip(run(td), run(torch), strict=True):
        close(ours, theirs, 1e-6)


def test_in_place():
    def run(T):
        w = T.tensor([1.0, -2.0, 3.0], requires_grad=True)
        with T.no_grad():
            w -= 0.5 * T.ones(3)
            w.mul_(2).add_(T.ones(3), alpha=0.25).clamp_(-3, 4)
        x = T.zeros(2, 3)
        x[0] = 1
        x[1, 2] += 5
        x.fill_(2.0).div_(4)
        total = T.zeros(3)
        total += w * w
        h = w * 2
        h += w
        h *= w
        h.sum().backward()
        return [w.detach(), x, total.detach(), w.grad]
    for ours, theirs in zip(run(td), run(torch), strict=True):
        close(ours, theirs, 1e-6)
