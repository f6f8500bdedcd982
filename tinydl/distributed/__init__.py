"""Training with several processes, over MPI: ``Trainer(comm=...)``, and `DataParallel` for loops of one's own."""

from tinydl.distributed.failing import RankError
from tinydl.distributed.parallel import DataParallel
from tinydl.distributed.threads import share_cores
from tinydl.distributed.transport import Communicator, communicator

__all__ = ["Communicator", "DataParallel", "RankError", "communicator", "share_cores"]
