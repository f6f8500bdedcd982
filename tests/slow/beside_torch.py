"""Trains lenet5 in tinydl and in PyTorch from the same weights on the same batches, in float64.

    python tests/slow/beside_torch.py STEPS

In float64 rounding hides nothing: both must follow one curve of the loss, and end with the same weights and accuracy.
"""

import sys

import numpy as np
import torch

import tinydl as td

BATCH = 16
ALLOWED = 1e-6      # of the loss and of the largest weight; rounding begins at 1e-16 and grows with every step


def batches(n):
    """Images of ten classes, a blurred prototype and noise."""
    rng = np.random.default_rng(0)
    prototypes = np.repeat(np.repeat(rng.standard_normal((10, 1, 7, 7)), 4, 2), 4, 3)
    for _ in range(n):
        y = rng.integers(0, 10, BATCH)
        yield prototypes[y] + 6 * rng.standard_normal((BATCH, 1, 28, 28)), y


def torch_lenet():
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                         nn.Linear(84, 10)).double()


def main(steps):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    theirs, ours = torch_lenet(), td.models.lenet5().double()
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    settings = dict(lr=0.005, momentum=0.9, weight_decay=5e-4)
    optimiser = td.optim.SGD(ours.parameters(), **settings)
    their_optimiser = torch.optim.SGD(theirs.parameters(), **settings)
    loss_fn, their_loss_fn = td.nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss()
    losses, furthest = [], 0.0
    for x, y in batches(steps):
        optimiser.zero_grad()
        loss = loss_fn(ours(x), y)
        loss.backward()
        optimiser.step()
        their_optimiser.zero_grad()
        their_loss = their_loss_fn(theirs(torch.tensor(x)), torch.tensor(y))
        their_loss.backward()
        their_optimiser.step()
        losses.append(loss.item())
        furthest = max(furthest, abs(loss.item() - their_loss.item()))
    weights = max(np.abs(ours.state_dict()[name] - value.numpy()).max() for name, value in theirs.state_dict().items())
    print(f"{steps} steps: loss {losses[0]:.3f} to {np.mean(losses[-20:]):.3f}, apart by {furthest:.1e} at most, "
          f"weights by {weights:.1e}")
    return not (furthest <= ALLOWED and weights <= ALLOWED)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
