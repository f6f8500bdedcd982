"""What the tests of ONNX files share: models of operations, and onnxruntime as the judge."""

import numpy as np
import pytest

import tinydl as td


class Net(td.nn.Module):
    """A function of x and, where it takes them, of parameters."""

    def __init__(self, function, **parameters):
        self.function = function
        self.named = list(parameters)
        for name, values in parameters.items():
            setattr(self, name, td.Parameter(np.asarray(values, np.float32)))

    def forward(self, x):
        return self.function(x, **{name: getattr(self, name) for name in self.named})


@pytest.fixture
def net():
    """Makes a `Net`."""
    return Net


@pytest.fixture
def lived():
    """The model with running statistics as after training."""
    def change(model):
        rng = np.random.default_rng(1)
        for module in model.modules():
            if getattr(module, "running_mean", None) is not None:
                n = module.num_features
                module.running_mean[...], module.running_var[...] = rng.normal(size=n), rng.uniform(0.5, 2, n)
        return model.eval()
    return change


def session(path):
    """onnxruntime's session of a file."""
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(str(path), options)


@pytest.fixture
def run():
    """What onnxruntime computes of a file and an array."""
    pytest.importorskip("onnx")
    return lambda path, x: session(path).run(None, {"input": x})[0]


@pytest.fixture
def agree(tmp_path, run):
    """Write a model and hold what onnxruntime and from_onnx make of the file to the model, at batches 1 and 7."""
    def check(model, shape, rtol=1e-5, **options):
        path = tmp_path / "model.onnx"
        td.to_onnx(model, path, shape, **options)
        rng, back = np.random.default_rng(0), td.from_onnx(path)
        for n in (1, 7):
            x = rng.uniform(-2, 2, (n, *shape)).astype(np.float32)
            with td.no_grad():
                expected, read = model(td.tensor(x)).numpy(), back(td.tensor(x)).numpy()
            for got in (run(path, x), read):
                assert got.shape == expected.shape and got.dtype == expected.dtype
                assert np.abs(got - expected).max() <= rtol * np.abs(expected).max()
        return path
    return check
