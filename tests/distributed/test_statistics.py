import numpy as np

from tinydl import nn
from tinydl.distributed.statistics import SharedBuffers
from tinydl.distributed.transport import Alone


def test_shards_begin_alike_and_the_mean_weights_by_samples():
    net = nn.BatchNorm1d(2)
    buffers = SharedBuffers(net)
    buffers.begin(0)
    for n, value in ((1, 4.0), (0, None), (3, 8.0)):
        buffers.restore()
        if n:
            assert net.running_mean.tolist() == [0, 0] and net.num_batches_tracked == 0
            net.running_mean[...] = value
            net.num_batches_tracked += 1
        buffers.add(n)
    buffers.finish(Alone(), 3, 4)
    assert net.running_mean.tolist() == [7, 7] and net.running_var.tolist() == [1, 1]
    assert net.num_batches_tracked == 1 and net.num_batches_tracked.dtype == np.int64
