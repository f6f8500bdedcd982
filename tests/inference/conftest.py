"""What the tests of frozen networks share."""

import copy
import warnings

import numpy as np
import pytest

import tinydl as td
from tinydl import layout
from tinydl.testing.compare import assert_close


@pytest.fixture(autouse=True)
def one_thread():
    n = td.get_num_threads()
    td.set_num_threads(1)
    td.manual_seed(0)
    yield
    td.set_num_threads(n)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def lived(rng):
    """The model with running statistics and norms as after training."""
    def change(model):
        for module in model.modules():
            if getattr(module, "running_mean", None) is not None:
                n = module.num_features
                module.running_mean[...], module.running_var[...] = rng.normal(size=n), rng.uniform(0.5, 2, n)
                if module.affine:
                    module.weight.data[...], module.bias.data[...] = rng.normal(1, 0.5, n), rng.normal(size=n)
        return model
    return change


@pytest.fixture
def evaluated():
    """What a model computes in float64 in evaluation mode."""
    def evaluate(model, x):
        with td.no_grad(), td.conv_algorithm("direct"):
            return copy.deepcopy(model).double().eval()(td.tensor(x.astype(np.float64))).numpy()
    return evaluate


@pytest.fixture
def check(rng, lived, evaluated):
    """The predictor of a model, held to the float64 model, for 1 to 7 threads and both layouts of the input.

    `said` is what it must warn of, one expression a warning.
    """
    def run(model, *shapes, rtol=1e-5, said=()):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            predictor = td.freeze(lived(model))
            for shape in shapes:
                x = rng.standard_normal(shape).astype(np.float32)
                before, expected = x.copy(), evaluated(model, x)
                for laid in (x, layout.channels_last(x)):
                    first = predictor(laid)
                    assert first.dtype == np.float32
                    assert_close(first, expected, rtol)
                    for n_threads in (2, 3, 7):
                        td.set_num_threads(n_threads)
                        assert np.array_equal(predictor(laid), first)
                    td.set_num_threads(1)
                assert np.array_equal(x, before)
        texts = [str(warning.message) for warning in caught if "freeze: " in str(warning.message)]
        if said is not None:
            assert len(texts) == len(said), texts
            for text, expected in zip(texts, said, strict=True):
                assert expected in text, texts
        return predictor
    return run
