"""What travels through the chain: one frozen value for each boundary between two stages.

This room knows shapes, ranges and who descends from whom. It knows nothing of models, devices or files, and
imports nothing of the rest of the engine but its errors. A stage returns the *next* value; every value keeps
the one that it was made from, so the last of them carries the whole line of descent.

Axis glossary, for the whole project:
    b  rows of a batch          t  text tokens             h, w  rows and columns of a grid or picture
    s  positions of a sequence  v  vocabulary or codebook  c     channels
    d  features of a model      n  steps
"""

from .control import Control
from .draft import Codebook, Draft
from .fact import Fact, FactKind, Span
from .outcome import Candidate, Failure, Outcome
from .picture import Picture
from .plan import Plan
from .reference import Reference
from .request import MAX_PROMPT_CHARACTERS, MAX_SEED, MAX_SIDE, SETTINGS, Request
from .setting import Setting
from .settings import NO_SETTINGS, Settings, Wishes
from .sketch import Sketch
from .start import Start
from .verdict import FactAnswer, Verdict

__all__ = [
    "MAX_PROMPT_CHARACTERS",
    "MAX_SEED",
    "MAX_SIDE",
    "NO_SETTINGS",
    "SETTINGS",
    "Candidate",
    "Codebook",
    "Control",
    "Draft",
    "Fact",
    "FactAnswer",
    "FactKind",
    "Failure",
    "Outcome",
    "Picture",
    "Plan",
    "Reference",
    "Request",
    "Setting",
    "Settings",
    "Sketch",
    "Span",
    "Start",
    "Verdict",
    "Wishes",
]
