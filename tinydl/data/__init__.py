"""Data sets in memory, their readers, and mini-batches."""

from tinydl.data.augment import Augment
from tinydl.data.batches import Batches, epoch_order
from tinydl.data.cifar import load_cifar10
from tinydl.data.dataset import ArrayDataset, DataError, stratified_split
from tinydl.data.digits import load_digits
from tinydl.data.idx import load_fashion_mnist, load_mnist, read_idx
from tinydl.data.npz import load_npz

__all__ = [
    "ArrayDataset", "Augment", "Batches", "DataError", "epoch_order", "load_cifar10", "load_digits",
    "load_fashion_mnist", "load_mnist", "load_npz", "read_idx", "stratified_split",
]
