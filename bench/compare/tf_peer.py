"""TensorFlow: tf.function over NHWC tensors, fused batch norm, fused momentum update (what its own optimiser runs)."""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from bench.compare.protocol import arguments, serve
from bench.networks import walk


class Peer:
    name = "tf"

    def __init__(self, args):
        import tensorflow as tf

        self.tf = tf
        tf.config.threading.set_intra_op_parallelism_threads(args.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1 if args.threads == 1 else 2)

    def version(self):
        return self.tf.__version__

    def build(self, net, size, mode):
        tf = self.tf
        x, y = walk.batch(net, size)
        x, y = tf.constant(np.moveaxis(x, 1, -1)), tf.constant(y)
        model = Model(tf, net)
        n_params = sum(int(np.prod(v.shape)) for v in model.params)
        if mode == "infer":
            predict = tf.function(lambda x: model(x, False))
            return lambda: predict(x).numpy(), n_params
        params = [v for v, trained in zip(model.params, walk.trained(net), strict=True) if trained]
        momenta = [tf.Variable(tf.zeros_like(v)) for v in params]
        lr, mu = tf.constant(1e-3), tf.constant(0.9)

        @tf.function
        def train(x, y):
            with tf.GradientTape() as tape:
                logits = model(x, True)
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
            for v, m, g in zip(params, momenta, tape.gradient(loss, params), strict=True):
                tf.raw_ops.ResourceApplyMomentum(var=v.handle, accum=m.handle, lr=lr, grad=g, momentum=mu)
            return loss

        return lambda: float(train(x, y)), n_params

    def predictor(self, net):
        model = Model(self.tf, net)
        predict = self.tf.function(lambda x: model(x, False), reduce_retracing=True)
        x = np.moveaxis(walk.batch(net, 256)[0], 1, -1)
        return lambda size: predict(self.tf.constant(x[:size])).numpy()


class Model:
    """The layers over NHWC (or NLC) tensors; `params` in the order of definition."""

    def __init__(self, tf, net):
        self.tf, self.net, self.params, self.running = tf, net, [], []
        arrays, flat_from = iter(walk.weights(net)), None
        for layer, before, after in walk.steps(net):
            if layer[0] == "conv":
                w = np.moveaxis(next(arrays), (0, 1), (-1, -2))
                if layer[6] > 1:  # depthwise: TensorFlow's order is (KH, KW, C, 1)
                    w = np.moveaxis(w, -1, -2)
                self.params.append(tf.Variable(np.ascontiguousarray(w)))
                if layer[5]:
                    self.params.append(tf.Variable(next(arrays)))
            elif layer[0] == "flatten":
                flat_from = before
            elif layer[0] == "linear":
                w = next(arrays)
                if flat_from is not None:  # rows follow the flattened (H, W, C), not (C, H, W)
                    w = np.moveaxis(w.reshape(-1, *flat_from), 1, -1).reshape(w.shape)
                    flat_from = None
                self.params.append(tf.Variable(np.ascontiguousarray(w.T)))
                if layer[2]:
                    self.params.append(tf.Variable(next(arrays)))
            elif layer[0] == "bn":
                self.params += [tf.Variable(next(arrays)), tf.Variable(next(arrays))]
                self.running.append((tf.Variable(tf.zeros(after[0]), trainable=False),
                                     tf.Variable(tf.ones(after[0]), trainable=False)))

    def __call__(self, x, training):
        self._p, self._r = iter(self.params), iter(self.running)
        return self._run(self.net.layers, x, training)

    def _run(self, layers, x, training):
        tf = self.tf
        for layer in layers:
            kind, one_d = layer[0], len(x.shape) == 3
            if kind == "residual":
                main = self._run(layer[1], x, training)
                x = tf.nn.relu(main + self._run(layer[2], x, training))
            elif kind == "conv":
                _, _, _, stride, padding, bias, groups, _ = layer
                pads = [[0, 0], *([p, p] for p in walk.each_axis(padding, len(x.shape) - 2)), [0, 0]]
                pads = "VALID" if padding == 0 else pads
                if groups > 1:
                    x = tf.nn.depthwise_conv2d(x, next(self._p), [1, stride, stride, 1], pads)
                else:
                    x = (tf.nn.conv1d if one_d else tf.nn.conv2d)(x, next(self._p), stride, pads)
                if bias:
                    x = tf.nn.bias_add(x, next(self._p))
            elif kind == "bn":
                x = self._bn(x, training)
            elif kind == "relu":
                x = tf.nn.relu(x)
            elif kind == "gelu":
                x = tf.nn.gelu(x)
            elif kind == "scale":
                x = x * layer[1]
            elif kind == "maxpool":
                k = layer[1]
                x = (tf.nn.max_pool1d if one_d else tf.nn.max_pool2d)(x, k, k, "VALID")
            elif kind == "gap":
                x = tf.reduce_mean(x, list(range(1, len(x.shape) - 1)))
            elif kind == "flatten":
                x = tf.reshape(x, (-1, int(np.prod(x.shape[1:]))))
            elif kind == "linear":
                x = tf.matmul(x, next(self._p))
                x = tf.nn.bias_add(x, next(self._p)) if layer[2] else x
        return x

    def _bn(self, x, training):
        tf = self.tf
        gamma, beta, (mean, var) = next(self._p), next(self._p), next(self._r)
        one_d = len(x.shape) == 3
        x = tf.expand_dims(x, 1) if one_d else x
        if training:
            # the fused op updates exponential averages itself: running = 0.9 * running + 0.1 * batch
            y, new_mean, new_var = tf.compat.v1.nn.fused_batch_norm(
                x, gamma, beta, mean, var, 1e-5, is_training=True, exponential_avg_factor=0.1)
            mean.assign(new_mean)
            var.assign(new_var)
        else:
            y, _, _ = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, mean, var, 1e-5, is_training=False)
        return tf.squeeze(y, 1) if one_d else y


if __name__ == "__main__":
    arguments_ = arguments()
    serve(Peer, arguments_)
