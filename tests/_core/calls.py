"""Calls of the core as they should be, which hostile.py records: what layers make of it, and what none makes."""

import numpy as np


def workload():
    """Uses every layer, loss and optimiser that has a kernel, trained and frozen, in both types."""
    import tinydl as td
    from tinydl import nn

    td.set_num_threads(2)
    rng = np.random.default_rng(0)

    def net2d():
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3),
            nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=2), nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.GELU(), nn.AvgPool2d(2), nn.ELU(), nn.LeakyReLU(),
            nn.GroupNorm(4, 8), nn.ConvTranspose2d(8, 6, 2, stride=2), nn.Tanh(), nn.AdaptiveMaxPool2d((2, 2)),
            nn.AdaptiveAvgPool2d((2, 1)), nn.Sigmoid(), nn.Dropout(0.5), nn.Flatten(), nn.LayerNorm(12),
            nn.Linear(12, 5))

    def winograd():
        return nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                             nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                             nn.Flatten(), nn.Linear(8, 5))

    def residual():
        return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ResidualBlock(8, 8), nn.ResidualBlock(8, 16, 2),
                             nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))

    labels = np.array([0, 3, 1])
    for dtype in (np.float32, np.float64):
        for make, shape, algorithm in ((net2d, (3, 3, 16, 15), "auto"), (residual, (3, 3, 9, 8), "auto"),
                                       (winograd, (3, 8, 10, 9), "winograd")):
            if algorithm == "winograd" and dtype == np.float64:
                continue
            with td.conv_algorithm(algorithm):
                net = make()
                if dtype == np.float64:
                    net = net.double()
                x = rng.standard_normal(shape).astype(dtype)
                optimisers = [td.optim.SGD(net.parameters(), lr=0.01, momentum=0.9),
                              td.optim.RMSprop(net.parameters(), lr=0.01, momentum=0.5, centered=True)]
                if algorithm == "auto" and make is net2d:
                    optimisers += [choice.make(net.parameters()) for choice in td.optim.BY_NAME.values()]
                for optimiser in optimisers:
                    optimiser.zero_grad()
                    nn.CrossEntropyLoss(label_smoothing=0.1)(net(x), labels).backward()
                    td.optim.clip_grad_norm_(net.parameters(), 1e-3)
                    td.optim.clip_grad_value_(net.parameters(), 1e-3)
                    optimiser.step()
                net.eval()
                net(x)
                if dtype == np.float32:
                    for rows in (x, x[:1], x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)):
                        td.freeze(net)(rows)
        z = td.tensor(rng.standard_normal((3, 5)).astype(dtype), requires_grad=True)
        (td.ops.softmax(z) * td.ops.log_softmax(z) @ td.tensor(np.ones((5, 2), dtype))).sum().backward()
        td.ops.add(z, z).sum().backward()
    frozen = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(48, 5), nn.ReLU(), nn.Linear(5, 3)).eval()
    td.freeze(frozen)(rng.standard_normal((3, 3, 4, 4)).astype(np.float32))
    data = td.data.ArrayDataset(rng.integers(0, 255, (9, 3, 8, 8)).astype(np.uint8), np.arange(9) % 3)
    for augment in (None, td.data.Augment(2), td.data.Augment(1, padding="reflect", rotate=9)):
        for batch in td.data.Batches(data, 4, augment=augment):
            len(batch)


def more():
    """Calls of functions that no layer makes as they stand, by the twins' helpers."""
    from tinydl import _core
    from tinydl._core.reference import conv as reference

    geometry = reference.geometry((2, 3, 6, 5), (4, 3, 3, 3), 1, 1)
    x = np.zeros((2, 6, 5, 3), np.float32).transpose(0, 3, 1, 2)
    _core.im2col.im2col(x, np.zeros((60, 27), np.float32), geometry, 2)
    _core.im2col.col2im(np.zeros((60, 27), np.float32), x, geometry, 2)
