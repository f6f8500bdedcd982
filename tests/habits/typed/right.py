"""A script of a user who has a type checker: it says nothing here, and the script runs."""

import numpy as np

import tinydl as td
import tinydl.nn.functional as F
from tinydl import nn, optim
from tinydl.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.act = nn.LeakyReLU(0.1)
        self.fc = nn.Linear(width * 16, 10)

    def forward(self, x: td.Tensor) -> td.Tensor:
        x = self.act(self.norm(self.conv(x)))
        x = F.max_pool2d(x, 2)
        x = td.flatten(x, 1)
        return F.log_softmax(self.fc(x), dim=1)


def train(net: Net, loader: DataLoader) -> float:
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.nll_loss(net(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    schedule.step()
    return total


def right_answers(net: Net, x: td.Tensor, y: td.Tensor) -> int:
    net.eval()
    with td.no_grad():
        output = net(x)
        pred = output.argmax(dim=1, keepdim=True)
        values, places = output.max(1)
        assert values.size(0) == len(places.tolist()) == y.numel()
        right: int = pred.eq(y.view_as(pred)).sum().item()
    return right


def arithmetic() -> td.Tensor:
    w = nn.Parameter(np.ones(3), dtype=td.float32)
    s = td.softmax(w, dim=0) + td.stack([w, w], dim=0).sum(dim=0) / 2
    e = td.einsum("ij,jk->ik", td.eye(3), td.ones(3, 3)).to(td.float64)
    e[0] = 1
    e += 1
    (gradient,) = td.autograd.grad((s * s).sum(), [w])
    assert isinstance(gradient, td.Tensor) and td.cat([e, e], dim=0).shape == (6, 3)
    return -s.detach().reshape(1, -1).clamp(0, 1) @ e.float()


def trained() -> td.train.History:
    data, test = td.data.load("digits")
    net = td.models.digits_cnn()
    trainer = td.train.Trainer(net, optim.Adam(net.parameters()), nn.CrossEntropyLoss(label_smoothing=0.1),
                               metrics=["f1"], callbacks=[td.train.EarlyStopping(patience=2)], clip_norm=1.0)
    history = trainer.fit(data.subset(range(200)), test, epochs=1, batch_size=32, progress=False)
    score: float = trainer.evaluate(test)["loss"]
    labels = trainer.predict(test).argmax(axis=1)
    assert score > 0 and labels.shape == (len(test),)
    assert td.inspect.summary(net, (1, 8, 8)) is not None and td.freeze(net)(test.normalised()[:1]).shape == (1, 10)
    return history


def main() -> None:
    td.manual_seed(0)
    x, y = td.rand(64, 1, 8, 8), td.tensor(np.arange(64) % 10)
    net = Net()
    loss = train(net, DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True))
    print(f"{loss:.3f}", right_answers(net, x, y), arithmetic(), trained().best("val_loss"))


if __name__ == "__main__":
    main()
