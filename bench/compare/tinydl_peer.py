"""tinydl as a peer among peers."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.compare.protocol import arguments, serve
from bench.networks import walk


class Peer:
    name = "tinydl"

    def __init__(self, args):
        import tinydl

        self.td = tinydl
        tinydl.set_num_threads(args.threads)

    def version(self):
        return f"{self.td.__version__} ({self.td.show_config(print_it=False)['isa_level']})"

    def made(self, net, size):
        """(network, its parameters, batch)."""
        from tinydl import layout, models

        model = getattr(models, net.name)()
        params = list(model.parameters())
        for p, w in zip(params, walk.weights(net), strict=True):
            p.data[...] = w
        x, y = walk.batch(net, size)
        return model, params, layout.channels_last(x), y  # as the batch gather delivers it

    def build(self, net, size, mode):
        from tinydl import nn, optim

        model, params, x, y = self.made(net, size)
        if mode == "infer":
            predictor = self.td.freeze(model)
            return lambda: predictor(x), sum(p.size for p in params)
        model.train()
        optimizer, loss_fn = optim.SGD(params, lr=1e-3, momentum=0.9), nn.CrossEntropyLoss()

        def step():
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step, sum(p.size for p in params)

    def predictor(self, net):
        from tinydl import layout, models

        predictor = self.td.freeze(getattr(models, net.name)())
        x = layout.channels_last(walk.batch(net, 256)[0])
        return lambda size: predictor(x[:size])


if __name__ == "__main__":
    arguments_ = arguments()
    serve(Peer, arguments_)
