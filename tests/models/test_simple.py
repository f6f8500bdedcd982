"""Names, sizes and the learning of the plain networks; counts of all networks: tests/test_models.py."""

import numpy as np
import pytest

import tinydl as td
from tinydl import models, nn


def test_state_names():
    assert list(models.lenet5().state_dict()) == [f"{k}.{n}" for k in (0, 3, 7, 9, 11) for n in ("weight", "bias")]


@pytest.mark.parametrize("name", ["lenet5", "lenet_bn", "mnist_cnn", "digits_cnn"])
def test_images_too_small(name):
    with pytest.raises(ValueError, match="at least .* pixels, got input_shape=\\(1, 3, 3\\)"):
        getattr(models, name)(input_shape=(1, 3, 3))


@pytest.fixture
def one_thread():
    n = td.get_num_threads()
    td.set_num_threads(1)
    yield
    td.set_num_threads(n)


def test_digits_cnn_learns_the_digits(one_thread):
    """The default of the command line: >= 98.5 % of the held-out fifth."""
    pytest.importorskip("sklearn")
    train, test = td.data.load_digits()
    (x, y), (u, v) = ((((d.images / np.float32(16)) - 0.3053) / 0.3761, d.labels) for d in (train, test))
    td.manual_seed(0)
    net = models.digits_cnn()
    epochs, batch = 15, 32
    steps = len(y) // batch
    opt = td.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = td.optim.OneCycleLR(opt, 0.1, total_steps=epochs * steps)
    loss_fn = nn.CrossEntropyLoss()
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        order = rng.permutation(len(y))
        for k in range(steps):
            rows = order[k * batch : (k + 1) * batch]
            opt.zero_grad()
            loss_fn(net(x[rows]), y[rows]).backward()
            opt.step()
            schedule.step()
    net.eval()
    with td.no_grad():
        accuracy = (net(u).data.argmax(1) == v).mean()
    assert accuracy >= 0.985
