"""Data sets, their readers, and mini-batches."""

from typing import TYPE_CHECKING

from tinydl.data.augment import Augment
from tinydl.data.batches import Batches, epoch_order
from tinydl.data.collection import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, collate, random_split
from tinydl.data.dataset import ArrayDataset, DataError, stratified_split
from tinydl.data.features import mfcc
from tinydl.data.idx import read_idx
from tinydl.data.image_folder import load_image_folder
from tinydl.data.loader import DataLoader
from tinydl.data.npz import load_npz
from tinydl.data.registry import BY_NAME, load, register
from tinydl.data.samplers import WeightedRandomSampler
from tinydl.data.sets.cifar10 import load_cifar10
from tinydl.data.sets.cifar100 import load_cifar100
from tinydl.data.sets.digits import load_digits
from tinydl.data.sets.emnist_digits import load_emnist_digits
from tinydl.data.sets.fashion_mnist import load_fashion_mnist
from tinydl.data.sets.kmnist import load_kmnist
from tinydl.data.sets.mnist import load_mnist
from tinydl.data.sets.speech_commands_12 import load_speech_commands
from tinydl.data.sets.svhn import load_svhn
from tinydl.data.sound import load_wav_folder
from tinydl.data.table import load_csv
from tinydl.later import later

__all__ = [
    "ArrayDataset", "Augment", "BY_NAME", "Batches", "ConcatDataset", "DataError", "DataLoader", "Dataset",
    "IterableDataset", "Subset", "TensorDataset", "WeightedRandomSampler", "collate", "epoch_order", "load",
    "load_cifar10", "load_cifar100", "load_csv", "load_digits", "load_emnist_digits", "load_fashion_mnist",
    "load_image_folder", "load_kmnist", "load_mnist", "load_npz", "load_speech_commands", "load_svhn",
    "load_wav_folder", "mfcc", "random_split", "read_idx", "register", "stratified_split",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = later("tinydl.data", {})
