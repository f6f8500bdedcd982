"""The names that scripts for small convolutional networks look up in PyTorch: which exist here, which are explained."""

import subprocess
import sys
from pathlib import Path

import pytest

import tinydl as td
import tinydl.nn.functional

PAGE = Path(__file__).resolve().parents[2] / "docs" / "coming-from-pytorch.md"

NAMES = {
    "torch": """
        Tensor tensor zeros ones full empty arange linspace eye zeros_like ones_like rand randn randint randperm
        from_numpy as_tensor cat stack where einsum bmm mm matmul flatten argmax max min sum mean std exp log sqrt abs
        pow clamp sigmoid tanh relu softmax topk sort argsort cumsum norm allclose eq isnan unsqueeze squeeze permute
        no_grad inference_mode enable_grad set_grad_enabled manual_seed save load device cuda float32 float64 int64
        long uint8 bool nn optim autograd utils Generator set_num_threads compile jit float16 bfloat16 backends
        is_tensor tril nonzero unique""",
    "Tensor": """
        view view_as reshape size shape dim numel item tolist numpy cpu to float double long int clone detach backward
        grad requires_grad requires_grad_ zero_ fill_ add_ mul_ copy_ eq max min argmax sum mean std var norm sort topk
        expand expand_as repeat chunk split masked_fill cumsum prod any all t transpose permute contiguous squeeze
        unsqueeze pow clamp exp log abs sqrt is_leaf grad_fn register_hook device dtype T cuda half index_select
        scatter_""",
    "torch.nn": """
        Module Parameter Sequential ModuleList ModuleDict Linear Conv1d Conv2d ConvTranspose2d BatchNorm1d BatchNorm2d
        GroupNorm LayerNorm InstanceNorm2d Dropout Dropout2d MaxPool2d AvgPool2d AdaptiveAvgPool2d AdaptiveMaxPool2d
        Flatten Unflatten Identity ReLU LeakyReLU ELU SELU GELU SiLU Mish ReLU6 Hardswish Softplus PReLU Sigmoid Tanh
        Softmax LogSoftmax Upsample PixelShuffle ZeroPad2d ReflectionPad2d Embedding CrossEntropyLoss NLLLoss MSELoss
        L1Loss SmoothL1Loss HuberLoss BCELoss BCEWithLogitsLoss KLDivLoss init functional utils DataParallel LSTM
        Conv3d""",
    "torch.nn.functional": """
        relu leaky_relu gelu silu softmax log_softmax sigmoid max_pool2d avg_pool2d adaptive_avg_pool2d conv2d linear
        batch_norm dropout cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss binary_cross_entropy
        binary_cross_entropy_with_logits one_hot pad interpolate unfold normalize cosine_similarity grid_sample""",
    "torch.optim": """
        SGD Adam AdamW RMSprop Adagrad Adadelta NAdam RAdam Optimizer lr_scheduler LBFGS swa_utils Adamax""",
    "torch.optim.lr_scheduler": """
        StepLR MultiStepLR ExponentialLR CosineAnnealingLR CosineAnnealingWarmRestarts ReduceLROnPlateau OneCycleLR
        LambdaLR LinearLR SequentialLR CyclicLR""",
    "torch.utils.data": """
        DataLoader Dataset TensorDataset Subset random_split ConcatDataset WeightedRandomSampler IterableDataset
        SubsetRandomSampler""",
}
PLACES = {"torch": td, "Tensor": td.Tensor, "torch.nn": td.nn, "torch.nn.functional": td.nn.functional,
          "torch.optim": td.optim, "torch.optim.lr_scheduler": td.optim.lr_scheduler, "torch.utils.data": td.data}
ALL = [(place, name) for place, names in NAMES.items() for name in names.split()]


def exists(place, name):
    target = td.zeros(1) if place == "Tensor" else PLACES[place]
    return hasattr(target, name)


MISSING = [(place, name) for place, name in ALL if not exists(place, name)]


def test_most_names_exist():
    assert len(ALL) >= 191 and len(MISSING) <= 25, MISSING


@pytest.mark.parametrize(("place", "name"), MISSING, ids=[".".join(pair) for pair in MISSING])
def test_a_missing_name_is_explained(place, name):
    """In the docs, and in the message of the error."""
    assert f"| `{place}.{name}` |" in PAGE.read_text()
    with pytest.raises(AttributeError, match=rf"has no attribute '{name}'; \w+"):
        getattr(td.zeros(1) if place == "Tensor" else PLACES[place], name)


def test_every_name_is_one_of_pytorch():
    torch = pytest.importorskip("torch")
    for place, name in ALL:
        target = torch
        for part in place.split(".")[1:] if place != "Tensor" else ["Tensor"]:
            target = getattr(target, part)
        assert hasattr(target, name) or place == "Tensor" and hasattr(torch.zeros(1), name), (place, name)


@pytest.mark.parametrize(("owner", "name", "text"), [
    (lambda: td, "zeross", "module 'tinydl' has no attribute 'zeross'; did you mean 'zeros'?"),
    (lambda: td.zeros(1), "wholly_other", "'Tensor' object has no attribute 'wholly_other'$"),
    (lambda: td, "view", r"it is a method of tensors: x.view\(...\)"),
    (lambda: td.nn.Linear(1, 1), "cuda", "'Linear' object has no attribute 'cuda'; leave it out"),
    (lambda: td.nn.Linear(1, 1), "fit", r"has no attribute 'fit'; use td.train.Trainer\(net, "),
    (lambda: td.nn.Linear(1, 1), "predict", r"use trainer.predict\(x\), or td.train.predict\(net, x\)")])
def test_messages(owner, name, text):
    with pytest.raises(AttributeError, match=text):
        getattr(owner(), name)


def test_the_interpreter_says_which_method_was_meant():
    run = subprocess.run([sys.executable, "-c", "import tinydl as td; td.zeros(1).reshap"], capture_output=True,
                         text=True, check=False)
    assert "AttributeError: 'Tensor' object has no attribute 'reshap'. Did you mean: 'reshape'?" in run.stderr
