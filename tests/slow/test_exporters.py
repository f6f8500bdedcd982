"""Files of PyTorch's two exporters and of Keras': the numbers of onnxruntime, and they train on.

PyTorch, onnxscript, Keras (on PyTorch) and onnxruntime are looked for; what is not installed is left out.
"""

import numpy as np
import pytest

import tinydl as td

runtime = pytest.importorskip("onnxruntime")


def residual(torch):
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, c, o, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(c, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
            self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
            self.skip = nn.Sequential(nn.Conv2d(c, o, 1, stride, bias=False), nn.BatchNorm2d(o))

        def forward(self, x):
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            return torch.relu(y + self.skip(x))

    return nn.Sequential(Block(3, 8, 1), Block(8, 16, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


def separable(torch):
    nn = torch.nn
    return nn.Sequential(nn.ZeroPad2d((1, 1, 5, 5)), nn.Conv2d(1, 8, (10, 4), 2, bias=False), nn.BatchNorm2d(8),
                         nn.ReLU6(), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Hardswish(), nn.Conv2d(8, 8, 1),
                         nn.SiLU(), nn.Dropout(0.2), nn.AvgPool2d((25, 5)), nn.Flatten(), nn.Linear(8, 12))


def plain(torch):
    nn = torch.nn

    class Lenet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 6, 5, padding=2), nn.BatchNorm2d(6)
            self.fc1, self.fc2 = nn.Linear(96, 20), nn.Linear(20, 10)

        def forward(self, x):
            x = torch.max_pool2d(torch.tanh(self.norm(self.conv(x))), 3, 2, 1, ceil_mode=True)
            x = x.view(x.size(0), -1)
            return torch.log_softmax(self.fc2(nn.functional.gelu(self.fc1(x))), dim=1)

    return Lenet()


def signal(torch):
    nn = torch.nn
    return nn.Sequential(nn.Conv1d(1, 8, 20, 4), nn.BatchNorm1d(8), nn.ELU(), nn.MaxPool1d(4), nn.Mish(),
                         nn.Conv1d(8, 8, 3, padding="same"), nn.PReLU(8), nn.AdaptiveAvgPool1d(1), nn.Flatten(),
                         nn.LayerNorm(8), nn.Linear(8, 5), nn.Softmax(1))


def up(torch):
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.GroupNorm(2, 8), nn.SELU(), nn.Upsample(scale_factor=2),
                         nn.ConvTranspose2d(8, 4, 3, 2, 1, 1), nn.InstanceNorm2d(4, affine=True), nn.LeakyReLU(0.2),
                         nn.PixelShuffle(2), nn.Sigmoid())


NETS = {"residual": (residual, (3, 12, 12)), "separable": (separable, (1, 49, 10)), "plain": (plain, (1, 7, 7)),
        "signal": (signal, (1, 200)), "up": (up, (3, 8, 8))}


def held(path, x):
    """The network of the file, held to onnxruntime, after a step of training."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = runtime.InferenceSession(str(path), options)
    (expected,) = session.run(None, {session.get_inputs()[0].name: x})
    net = td.from_onnx(path)
    with td.no_grad():
        got = net(td.tensor(x)).numpy()
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()
    optimizer, losses = td.optim.SGD(net.train().parameters(), lr=0.01), []
    for _ in range(2):
        optimizer.zero_grad()
        loss = td.nn.MSELoss()(net(td.tensor(x)), np.zeros_like(expected))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(parameter.grad is not None for parameter in net.parameters()) and losses[1] < losses[0]
    return net


@pytest.mark.parametrize("exporter", ["traced", "traced, to train", "dynamo"])
@pytest.mark.parametrize("name", NETS)
def test_pytorch(name, exporter, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    make, shape = NETS[name]
    torch.manual_seed(0)
    net, path = make(torch), tmp_path / "net.onnx"
    net.train()(torch.randn(16, *shape))  # running statistics
    x = torch.randn(5, *shape)
    options = {"dynamo": False, "input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
    if exporter == "traced, to train":
        options |= {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    elif exporter == "dynamo":
        options = {"dynamo": True, "dynamic_shapes": ({0: torch.export.Dim.DYNAMIC},), "external_data": False,
                   "verbose": False}
    torch.onnx.export(net.eval(), (x[:2],), str(path), **options)
    back = held(path, x.numpy())
    if exporter == "traced, to train":  # norms are not folded into convolutions then, and have their names
        kept = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.Linear)
        names = {f"{path}.{name}" for path, module in net.named_modules() if isinstance(module, kept)
                 for name, _ in module.named_parameters()}
        assert names and names <= dict(back.named_parameters()).keys()


@pytest.mark.parametrize("name", ["image", "residual", "signal"])
def test_keras(name, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    pytest.importorskip("onnxscript")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras runs on something else than PyTorch")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    if name == "image":
        net = keras.Sequential([
            layers.Input((14, 14, 1)), layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
            layers.BatchNormalization(), layers.DepthwiseConv2D(3, padding="same"), layers.SeparableConv2D(12, 3),
            layers.MaxPooling2D(), layers.Dropout(0.3), layers.AveragePooling2D(2, padding="same"), layers.Flatten(),
            layers.Dense(16, activation="gelu"), layers.Dense(10, activation="softmax")])
    elif name == "residual":
        x = layers.Input((12, 12, 3))
        y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same", use_bias=False)(x)))
        z = layers.Activation("swish")(layers.Add()([y, layers.Conv2D(8, 3, padding="same")(y)]))
        z = layers.Conv2DTranspose(4, 3, strides=2, padding="same")(layers.ZeroPadding2D(1)(z))
        z = layers.GlobalAveragePooling2D()(layers.Concatenate()([z, z]))
        net = keras.Model(x, layers.Dense(3)(z))
    else:
        net = keras.Sequential([
            layers.Input((60, 2)), layers.Conv1D(8, 5, padding="causal"), layers.LeakyReLU(), layers.MaxPooling1D(3),
            layers.Conv1D(8, 3, strides=2, padding="same", activation="elu"), layers.GlobalMaxPooling1D(),
            layers.Dense(3, activation="sigmoid")])
    x = np.random.default_rng(0).normal(size=(5, *net.input_shape[1:])).astype(np.float32)
    net.predict(x, verbose=0)
    net.export(str(tmp_path / "net.onnx"), format="onnx", verbose=False)
    held(tmp_path / "net.onnx", x)
