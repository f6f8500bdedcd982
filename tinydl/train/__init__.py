"""Training: the loop, callbacks, checkpoints, metrics."""

from tinydl.train.callbacks import Callback
from tinydl.train.checkpoint import CheckpointError, load_checkpoint, load_weights, save_checkpoint, save_weights
from tinydl.train.diagnose import NonFiniteGradientError, NonFiniteLossError
from tinydl.train.evaluation import evaluate, predict
from tinydl.train.freezing import Freeze, freeze, unfreeze
from tinydl.train.history import History
from tinydl.train.lr_finder import LRFinder
from tinydl.train.metrics import accuracy, confusion_matrix
from tinydl.train.model import Model, load_model
from tinydl.train.progress import Progress
from tinydl.train.saving import Checkpoint, CSVLogger
from tinydl.train.scores import f1, mean_absolute_error, top_k
from tinydl.train.stopping import Convergence, EarlyStopping
from tinydl.train.trainer import Trainer

__all__ = [
    "CSVLogger", "Callback", "Checkpoint", "CheckpointError", "Convergence", "EarlyStopping", "Freeze", "History",
    "LRFinder", "Model", "NonFiniteGradientError", "NonFiniteLossError", "Progress", "Trainer", "accuracy",
    "confusion_matrix", "evaluate", "f1", "freeze", "load_checkpoint", "load_model", "load_weights",
    "mean_absolute_error", "predict", "save_checkpoint", "save_weights", "top_k", "unfreeze",
]
