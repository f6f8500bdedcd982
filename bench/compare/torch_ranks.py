"""PyTorch's DistributedDataParallel over gloo: rank 0 starts the others. RANKS in the environment says how many."""

import os
import socket
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.compare.ranks import rank_arguments, serve_ranks
from bench.compare.torch_peer import Peer as OnePeer
from bench.networks import walk


class Peer(OnePeer):
    def __init__(self, args):
        super().__init__(args)
        import torch.distributed as dist

        self.dist, self.name = dist, "torch-ranks"
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{os.environ['PORT']}",
                                rank=int(os.environ["RANK"]), world_size=int(os.environ["RANKS"]))
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def tell(self, command):
        self.dist.broadcast_object_list([command], 0)

    def listen(self):
        told = [None]
        self.dist.broadcast_object_list(told, 0)
        return told[0]

    def abort(self):
        for process in others:
            process.kill()
        sys.exit(1)

    def build(self, net, size, mode):
        torch = self.torch
        model = self._model(net)
        n_params = sum(p.numel() for p in model.parameters())
        model = torch.nn.parallel.DistributedDataParallel(model.train())
        own = slice(self.rank * size // self.size, (self.rank + 1) * size // self.size)
        x, y = (torch.from_numpy(array[own]) for array in walk.batch(net, size))
        return self.training(model, x, y), n_params

    def add_up(self, n):
        array = self.torch.ones(n)
        return lambda: self.dist.all_reduce(array)


def start_others(size):
    """The other ranks, of the same command line; they end with the group."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        os.environ["PORT"] = str(probe.getsockname()[1])
    return [subprocess.Popen([sys.executable, *sys.argv], env={**os.environ, "RANK": str(rank)},
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for rank in range(1, size)]


if __name__ == "__main__":
    ranks, others = int(os.environ["RANKS"]), []
    if "RANK" not in os.environ:
        others = start_others(ranks)
        os.environ["RANK"] = "0"
    arguments_ = rank_arguments(int(os.environ["RANK"]), ranks)
    serve_ranks(Peer(arguments_), arguments_)
