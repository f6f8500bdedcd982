"""Residual networks: names of parameters, and ResNet-18 beside the same network in PyTorch."""

import numpy as np
import pytest

import tinydl as td
from tinydl import models


def test_state_names():
    names = list(models.resnet20().state_dict())
    for name in (
        "conv1.weight",
        "bn1.running_mean",
        "layer1.0.conv1.weight",
        "layer1.0.bn2.weight",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.num_batches_tracked",
        "layer3.2.conv2.weight",
        "fc.weight",
        "fc.bias",
    ):
        assert name in names
    assert not any("layer1.0.downsample" in name for name in names)
    assert "layer1.0.downsample.0.weight" in models.resnet29_bottleneck().state_dict()


@pytest.mark.parametrize(("stem", "window"), [("cifar", 3), ("imagenet", 7)])
def test_resnet18_has_the_names_and_shapes_of_torchvision(stem, window):
    state = models.resnet18(1000, stem=stem).state_dict()
    assert len(state) == 122  # entries of torchvision.models.resnet18().state_dict()
    expected = {"conv1.weight": (64, 3, window, window), "bn1.running_var": (64,),
                "layer1.1.conv2.weight": (64, 64, 3, 3), "layer2.0.conv1.weight": (128, 64, 3, 3),
                "layer3.0.downsample.0.weight": (256, 128, 1, 1),
                "layer4.0.downsample.1.bias": (512,), "layer4.1.bn2.num_batches_tracked": (), "fc.weight": (1000, 512),
                "fc.bias": (1000,)}
    assert {name: state[name].shape for name in expected} == expected
    n_weights = 11_689_512 - (0 if window == 7 else 64 * 3 * (49 - 9))  # torchvision documents 11,689,512
    assert sum(a.size for name, a in state.items() if name.endswith(("weight", "bias"))) == n_weights


def test_resnet18_knows_two_stems():
    with pytest.raises(ValueError, match="the stem must be 'cifar' or 'imagenet', got 'mnist'"):
        models.resnet18(stem="mnist")


def resnet18_of_torch(torch, num_classes, stem):
    """Written for this test, after the paper."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, c, o, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(c, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
            self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
            if stride != 1 or c != o:
                self.downsample = nn.Sequential(nn.Conv2d(c, o, 1, stride, bias=False), nn.BatchNorm2d(o))

        def forward(self, x):
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            return torch.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            k, s = (7, 2) if stem == "imagenet" else (3, 1)
            self.conv1, self.bn1 = nn.Conv2d(3, 64, k, s, k // 2, bias=False), nn.BatchNorm2d(64)
            for i, (c, o, s) in enumerate([(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)], 1):
                setattr(self, f"layer{i}", nn.Sequential(Block(c, o, s), Block(o, o, 1)))
            self.fc = nn.Linear(512, num_classes)

        def forward(self, x):
            x = torch.relu(self.bn1(self.conv1(x)))
            if stem == "imagenet":
                x = nn.functional.max_pool2d(x, 3, 2, 1)
            return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))

    return Net()


@pytest.mark.parametrize(("stem", "size"), [("cifar", (32, 32)), ("imagenet", (70, 96))])
def test_resnet18_with_the_weights_of_pytorch(stem, size, tmp_path):
    torch, files = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    torch.manual_seed(0)
    theirs = resnet18_of_torch(torch, 7, stem)
    theirs(2 * torch.randn(8, 3, *size) + 1)  # running statistics
    ours = models.resnet18(7, stem=stem)
    names = list(theirs.state_dict())
    assert list(ours.state_dict()) == names
    files.save_file(theirs.state_dict(), tmp_path / "net.safetensors")
    td.train.load_weights(tmp_path / "net.safetensors", ours)
    x = torch.randn(3, 3, *size)
    for mode in (False, True):
        expected = theirs.train(mode)(x).detach().numpy()
        with td.no_grad():
            found = ours.train(mode)(x.numpy()).data
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * expected.std())
