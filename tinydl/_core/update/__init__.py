"""What optimisers do to all parameters in one call: a rule's step, and the norm, scaling and clipping of gradients."""

from tinydl._core.isa import search_path

__path__ = search_path(__name__)

from tinydl._core.update import rules
from tinydl._core.update.gradients import clip, norms, scale
from tinydl._core.update.rules import *  # noqa: F403 - a further rule needs no line here

__all__ = ["clip", "norms", "scale", *rules.__all__]
