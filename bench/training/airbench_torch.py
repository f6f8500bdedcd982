"""The recipe `airbench` in PyTorch: net, optimisers, schedule and step, for comparison with tinydl's."""

import math

import torch
from torch import nn

FILTERS = {"lr": 0.24, "momentum": 0.6}
SGD = {"momentum": 0.85, "nesterov": True}
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def norm(channels):
    layer = nn.BatchNorm2d(channels, eps=1e-12, momentum=0.4)
    layer.weight.requires_grad = False
    return layer


class ExactGELU(nn.Module):
    """x Phi(x) also where PyTorch's own 1 + erf(x / sqrt 2) cancels to 0.

    Of two values that it takes to 0 a max-pooling would choose the first, and that would be another one than tinydl's.
    """

    def forward(self, x):
        return 0.5 * x * torch.erfc(-math.sqrt(0.5) * x)


class Net(nn.Module):
    """24-64-64-256-256-256-256 with GELU; names of parameters as in tinydl.models.airbench."""

    def __init__(self, gelu):
        super().__init__()
        layers = [gelu()]
        for i, o in ((24, 64), (64, 256), (256, 256)):
            layers += [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.MaxPool2d(2), norm(o), gelu(),
                       nn.Conv2d(o, o, 3, padding=1, bias=False), norm(o), gelu()]
        self.whiten = nn.Conv2d(3, 24, 2)
        self.layers = nn.Sequential(*layers, nn.MaxPool2d(3), nn.Flatten())
        self.head = nn.Linear(256, 10, bias=False)
        self.whiten.weight.requires_grad = False

    def forward(self, x):
        return self.head(self.layers(self.whiten(x))) / 256


def orthogonal(matrix):
    """Three Newton-Schulz steps on a matrix that is not higher than wide."""
    a, b, c = COEFFICIENTS
    x = matrix / matrix.norm().clamp(min=1e-7)
    for _ in range(3):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


class Recipe:
    """A net and what trains it.

    Parameters
    ----------
    state : dict of str to array
        First values of parameters and buffers.
    batch_size, steps, whiten_steps : int
        Of a training; the bias of the first layer is trained in the first `whiten_steps`.
    channels_last, compiled, exact : bool
        How PyTorch computes, and whether with `ExactGELU`.
    """

    def __init__(self, state, batch_size, steps, whiten_steps, channels_last=False, compiled=False, exact=False):
        self.net = Net(ExactGELU if exact else nn.GELU)
        self.net.to(torch.as_tensor(state["head.weight"]).dtype)
        self.net.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.net.to(memory_format=self.format)
        decay = 2e-6 * batch_size
        self.filters = [p for p in self.net.layers.parameters() if p.ndim == 4]
        self.momenta = [torch.zeros_like(p) for p in self.filters]
        biases = [p for name, p in self.net.layers.named_parameters() if name.endswith("bias")]
        self.sgd = torch.optim.SGD([{"params": params, "lr": lr, "weight_decay": decay / lr} for params, lr in (
            ([self.net.whiten.bias], 0.053), (biases, 0.053), ([self.net.head.weight], 0.67))], **SGD)
        self.first = [group["lr"] for group in self.sgd.param_groups]
        self.lengths = whiten_steps, steps, steps
        self.done = 0
        loss = nn.CrossEntropyLoss(label_smoothing=0.2, reduction="sum")

        def loss_of(x, y):
            return loss(self.net(x), y)

        self.loss_of = torch.compile(loss_of) if compiled else loss_of

    def step(self, x, y):
        """Train on a batch of arrays; the loss as a float."""
        x, y = torch.from_numpy(x).contiguous(memory_format=self.format), torch.from_numpy(y)
        self.net.train()
        for group, lr, length in zip(self.sgd.param_groups, self.first, self.lengths, strict=True):
            group["lr"] = lr * max(0.0, 1 - self.done / length)
        self.net.whiten.bias.requires_grad = self.done < self.lengths[0]
        loss = self.loss_of(x, y)
        for p in self.net.parameters():
            p.grad = None
        loss.backward()
        self.sgd.step()
        self.move_filters(FILTERS["lr"] * (1 - self.done / self.lengths[1]))
        self.done += 1
        return loss.item()

    @torch.no_grad()
    def move_filters(self, lr):
        for p, momentum in zip(self.filters, self.momenta, strict=True):
            momentum.mul_(FILTERS["momentum"]).add_(p.grad)
            direction = p.grad.add(momentum, alpha=FILTERS["momentum"])
            p.mul_(math.sqrt(len(p)) / p.norm())
            p.add_(orthogonal(direction.reshape(len(p), -1)).view(p.shape), alpha=-lr)

    @torch.no_grad()
    def logits(self, x):
        """The six views of a batch of arrays, averaged."""
        x = torch.from_numpy(x).contiguous(memory_format=self.format)
        self.net.eval()
        wide, (h, w) = nn.functional.pad(x, (1, 1, 1, 1), mode="reflect"), x.shape[2:]
        total = 0
        for weight, view in ((0.25, x), (0.125, wide[:, :, :h, :w]), (0.125, wide[:, :, 2:, 2:])):
            total = total + weight * (self.net(view) + self.net(view.flip(3)))
        return total.numpy()
