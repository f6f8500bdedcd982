"""Training: the loop, callbacks, checkpoints, metrics."""

from tinydl.train.callbacks import Callback, Checkpoint, Convergence, CSVLogger, EarlyStopping, Freeze
from tinydl.train.checkpoint import CheckpointError, load_checkpoint, load_weights, save_checkpoint, save_weights
from tinydl.train.diagnose import NonFiniteGradientError, NonFiniteLossError
from tinydl.train.evaluation import evaluate, predict
from tinydl.train.lr_finder import LRFinder
from tinydl.train.metrics import accuracy, confusion_matrix
from tinydl.train.model import Model, load_model
from tinydl.train.progress import Progress
from tinydl.train.trainer import Trainer

__all__ = [
    "CSVLogger", "Callback", "Checkpoint", "CheckpointError", "Convergence", "EarlyStopping", "Freeze", "LRFinder",
    "Model", "NonFiniteGradientError", "NonFiniteLossError", "Progress", "Trainer", "accuracy", "confusion_matrix",
    "evaluate", "load_checkpoint", "load_model", "load_weights", "predict", "save_checkpoint", "save_weights",
]
