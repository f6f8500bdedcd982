"""PyTorch: eager, channels_last memory format, torch.compile. --variant eager|cl|compile."""

import functools
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.compare.protocol import arguments, serve
from bench.networks import walk


class Peer:
    def __init__(self, args):
        import torch

        self.torch, self.variant = torch, args.variant or "eager"
        self.name = {"eager": "torch", "cl": "torch-cl", "compile": "torch-compile"}[self.variant]
        torch.set_num_threads(args.threads)

    def version(self):
        return self.torch.__version__

    def _model(self, net):
        torch = self.torch
        torch._dynamo.reset() if self.variant == "compile" else None
        model = _modules(torch.nn, net.layers, net.shape)[0]
        with torch.no_grad():
            for p, w, trained in zip(model.parameters(), walk.weights(net), walk.trained(net), strict=True):
                p.copy_(torch.from_numpy(w))
                p.requires_grad = trained
        if self.variant == "cl" and len(net.shape) == 3:
            model = model.to(memory_format=torch.channels_last)
        return model

    def build(self, net, size, mode):
        torch = self.torch
        model = self._model(net)
        n_params = sum(p.numel() for p in model.parameters())
        x, y = map(torch.from_numpy, walk.batch(net, size))
        if self.variant == "cl" and x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        if mode == "infer":
            model.eval()
            run = torch.compile(model) if self.variant == "compile" else model

            def predict():
                with torch.inference_mode():
                    return run(x).numpy()

            return predict, n_params
        return self.training(model.train(), x, y), n_params

    def training(self, model, x, y):
        """A step of training."""
        torch = self.torch
        # fused: one kernel for all parameters, the fastest of PyTorch's implementations
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=True)

        def loss_of(x, y):
            return torch.nn.functional.cross_entropy(model(x), y)

        if self.variant == "compile":
            loss_of = torch.compile(loss_of)

        def step():
            optimizer.zero_grad()
            loss = loss_of(x, y)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    def predictor(self, net):
        torch = self.torch
        model, x = self._model(net).eval(), torch.from_numpy(walk.batch(net, 256)[0])

        def run(size):
            with torch.inference_mode():
                return model(x[:size]).numpy()

        return run


def _modules(nn, layers, shape):
    """The layers as an nn.Sequential, and the shape after them."""
    modules = []
    for layer in layers:
        kind, flat = layer[0], len(shape) == 2
        before = shape
        if kind == "residual":
            main, shape = _modules(nn, layer[1], before)
            modules.append(_residual(nn)(main, _modules(nn, layer[2], before)[0] if layer[2] else None))
            continue
        shape = walk._shape_after(layer, before)
        if kind == "conv":
            _, out, window, stride, padding, bias, groups, _ = layer
            make = nn.Conv1d if flat else nn.Conv2d
            modules.append(make(before[0], out, window, stride, padding, groups=groups, bias=bias))
        elif kind == "bn":
            modules.append((nn.BatchNorm1d if flat else nn.BatchNorm2d)(before[0]))
        elif kind == "relu":
            modules.append(nn.ReLU(inplace=True))
        elif kind == "gelu":
            modules.append(nn.GELU())
        elif kind == "scale":
            modules.append(_scale(nn)(layer[1]))
        elif kind == "maxpool":
            modules.append((nn.MaxPool1d if flat else nn.MaxPool2d)(layer[1]))
        elif kind == "gap":
            modules += [(nn.AdaptiveAvgPool1d if flat else nn.AdaptiveAvgPool2d)(1), nn.Flatten()]
        elif kind == "flatten":
            modules.append(nn.Flatten())
        elif kind == "linear":
            modules.append(nn.Linear(before[0], layer[1], bias=layer[2]))
    return nn.Sequential(*modules), shape


@functools.cache
def _residual(nn):
    class Residual(nn.Module):
        def __init__(self, main, shortcut):
            super().__init__()
            self.main, self.shortcut, self.relu = main, shortcut, nn.ReLU(inplace=True)

        def forward(self, x):
            out = self.main(x)
            out += x if self.shortcut is None else self.shortcut(x)
            return self.relu(out)

    return Residual


@functools.cache
def _scale(nn):
    class Scale(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, x):
            return x * self.factor

    return Scale


if __name__ == "__main__":
    arguments_ = arguments()
    serve(Peer, arguments_)
