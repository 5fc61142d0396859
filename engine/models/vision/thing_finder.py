"""Finds the things of a picture, and says what each is like: the network of a judge that knows a memory of
things.

Objects as points (Zhou et al. 2019, "Objects as Points"): each cell of a coarse grid says how likely it is that
the middle of a thing lies in it, how large that thing is, of which colour, and what it looks like: a vector.
What the thing is, the nearest of the prototypes says, one for each kind and style (Snell et al. 2017,
"Prototypical Networks for Few-shot Learning"), made of pictures of it. So a finder knows things that it was
never trained on, once it has been shown them. Knows nothing of plans and facts.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ...errors import CheckpointError
from ...guards.finite import check_numbers
from ...language.closed_vocabulary.vocabulary import Vocabulary, read_vocabulary
from ..checkpoint.folder import read_json
from .calibration import Calibration, read_calibration

MODEL_TYPE = "thing-finder"
SIDE = 128  # pixels of the shorter side of what it looks at
CELL = 8  # of these pixels on a cell's side: 16 cells on the shorter side
LONGEST = 4  # times the shorter side: what is longer is looked at squeezed
COLOURLESS = ""  # the colour of what has a colour without a name
MOST_WIDE = 1024  # features of any layer of a folder's network


@dataclasses.dataclass(frozen=True, kw_only=True)
class Maps:
    """What the network says of b pictures; y and x count cells.

    Args:
        middle: logits (b, y, x), that the middle of a thing lies in the cell, or at its edge.
        box: (b, y, x, 4): from the cell's middle to the thing's, right and down, in cells; and the logarithms
            of its width and height, in cells.
        colour: logits (b, y, x, colours).
        looks: (b, y, x, d), of length 1: what the thing there looks like.
        setting, manner: logits (b, number of them), of the whole picture.
    """

    middle: torch.Tensor
    box: torch.Tensor
    colour: torch.Tensor
    looks: torch.Tensor
    setting: torch.Tensor
    manner: torch.Tensor


class ThingFinder(nn.Module):
    """Pictures as `values_of` has them to `Maps`.

    Args:
        widths: features of five stages, at a half, a quarter, an eighth (the grid of cells) and a sixteenth of
            the resolution, and again on the grid, of what the cells' answers are read from.
        neck: features in which what the grid and the coarser stage say is added.
        looks: numbers that say what a thing looks like.
        colours, settings: what it tells apart, by their usual phrases; `COLOURLESS` is a colour.
        manners: styles of whole pictures; the first, '', is that of things that prototypes know.
        known: (kind, style) of each prototype; some have two, in their own colour, and in others.
        vocabulary: of those who ask; `None` of one that knows no things yet.
        by_heart: kinds that are drawn without a memory, in the styles of which it has no pictures.
        calibration: of its answers.
    """

    prototypes: torch.Tensor

    def __init__(
        self,
        *,
        widths: Sequence[int],
        neck: int,
        looks: int,
        colours: Sequence[str],
        settings: Sequence[str],
        manners: Sequence[str],
        known: Iterable[tuple[str, str]] = (),
        vocabulary: Vocabulary | None = None,
        by_heart: Iterable[str] = (),
        calibration: Calibration | None = None,
    ) -> None:
        super().__init__()
        self.widths, self.neck_width, self.looks = tuple(widths), neck, looks
        self.colours, self.settings, self.manners = tuple(colours), tuple(settings), tuple(manners)
        self.known, self.vocabulary, self.by_heart = tuple(known), vocabulary, frozenset(by_heart)
        self.calibration = calibration or Calibration()
        first, second, third, fourth, fifth = self.widths
        self.conv_in = _Step(3, first)
        self.fine = _Residual(first)
        self.quarter = nn.Sequential(_Step(first, second), _Residual(second))
        self.grid = nn.Sequential(_Step(second, third), _Residual(third), _Residual(third))
        self.coarse = nn.Sequential(_Step(third, fourth), _Residual(fourth))
        self.across = nn.Conv2d(third, neck, 1)
        self.down = nn.Conv2d(fourth, neck, 1)
        self.neck = nn.Sequential(
            nn.BatchNorm2d(neck), nn.ReLU(), nn.Conv2d(neck, fifth, 3, padding=1, bias=False),
            nn.BatchNorm2d(fifth), nn.ReLU(),
        )  # fmt: skip
        self.cell_classifier = nn.Conv2d(fifth, 5 + len(self.colours), 1)
        self.looks_classifier = nn.Conv2d(fifth, looks, 1)
        self.picture_classifier = nn.Linear(third + fourth, len(self.settings) + len(self.manners))
        self.register_buffer("prototypes", torch.zeros(len(self.known), looks))
        assert self.cell_classifier.bias is not None
        with torch.no_grad():
            self.cell_classifier.bias[0] = -3.0  # at first no cell holds a middle, which is nearly right

    @property
    def device(self) -> torch.device:
        return self.conv_in.conv.weight.device

    @property
    def words(self) -> Vocabulary:
        """What those who ask say.

        Raises:
            CheckpointError: it was never shown a memory.
        """
        if self.vocabulary is None or not self.known:
            raise CheckpointError("the finder knows no things: name the judge's folder of diptych train memory")
        return self.vocabulary

    @property
    def styles(self) -> tuple[str, ...]:
        """Of the prototypes, the first one first."""
        return tuple(dict.fromkeys(style for _, style in self.known))

    def forward(self, values: torch.Tensor) -> Maps:
        """Args: values: float32 (b, 3, h, w) in [-1, 1], sides whole numbers of cells."""
        grid = self.grid(self.quarter(self.fine(self.conv_in(values))))
        coarse = self.coarse(grid)
        above = F.interpolate(self.down(coarse), grid.shape[2:], mode="nearest")
        cells = self.neck(self.across(grid) + above)
        told = self.cell_classifier(cells).movedim(1, -1)  # (b, y, x, 5 + colours)
        looks = F.normalize(self.looks_classifier(cells).movedim(1, -1), dim=-1)
        whole = torch.cat([grid.mean((2, 3)), coarse.mean((2, 3))], 1)
        setting, manner = self.picture_classifier(whole).split([len(self.settings), len(self.manners)], 1)
        return Maps(
            middle=told[..., 0],
            box=told[..., 1:5],
            colour=told[..., 5:],
            looks=looks,
            setting=setting,
            manner=manner,
        )

    def save_pretrained(self, folder: Path) -> None:
        """Write `config.json` and `model.safetensors`, as float16."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "model_type": MODEL_TYPE,
            "widths": list(self.widths),
            "neck": self.neck_width,
            "looks": self.looks,
            "colours": list(self.colours),
            "settings": list(self.settings),
            "manners": list(self.manners),
            "known": [list(each) for each in self.known],
            "by_heart": sorted(self.by_heart),
        }
        (folder / "config.json").write_text(
            json.dumps(config, ensure_ascii=False, indent=0) + "\n", encoding="utf-8"
        )
        weights = {
            name: (each.detach().half() if each.is_floating_point() else each).contiguous()
            for name, each in self.state_dict().items()
        }
        save_file(weights, folder / "model.safetensors")

    @classmethod
    def from_pretrained(cls, folder: Path) -> "ThingFinder":
        """A finder from its folder, in float32, on the CPU, ready to look.

        Raises:
            CheckpointError: a file is missing or damaged.
        """
        config = read_json(folder / "config.json")
        if config.get("model_type") != MODEL_TYPE:
            raise CheckpointError(f"{folder}: holds no {MODEL_TYPE}: name a folder of diptych train memory")
        try:
            finder = cls(
                **_sizes(config),
                known=[(str(kind), str(style)) for kind, style in config.get("known", ())],
                vocabulary=read_vocabulary(folder),
                by_heart=map(str, config.get("by_heart", ())),
                calibration=read_calibration(folder),
            ).float()
            weights = load_file(folder / "model.safetensors")
            check_numbers(weights, folder / "model.safetensors")
            finder.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()})
        except KeyError as error:
            raise CheckpointError(f"{folder}/config.json: has no {error}: copy the folder again") from None
        except (SafetensorError, TypeError, ValueError, RuntimeError, OSError) as error:
            reason = str(error).strip().splitlines()[-1].strip() if str(error) else type(error).__name__
            raise CheckpointError(f"{folder}: {reason}: copy the folder again") from None
        return finder.eval().requires_grad_(False)


class _Step(nn.Module):
    """A convolution that halves the resolution."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(given, made, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(made)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.norm(self.conv(x)))


class _Residual(nn.Module):
    """Two convolutions around which what is given passes (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = F.relu(self.norms[0](self.first(x)))
        return F.relu(x + self.norms[1](self.second(inner)))


def values_of(picture: torch.Tensor) -> torch.Tensor:
    """A picture uint8 (h, w, 3) of any size as a finder looks at it: float32 (1, 3, y, x) in [-1, 1], the
    shorter side `SIDE` pixels, the other a whole number of cells."""
    height, width = int(picture.shape[0]), int(picture.shape[1])
    by = SIDE / min(height, width)
    size = [min(LONGEST * SIDE, max(SIDE, round(side * by / CELL) * CELL)) for side in (height, width)]
    x = picture.permute(2, 0, 1)[None].float()
    return F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False) / 127.5 - 1


def _sizes(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a folder's network is made of, each within its bounds."""
    widths, neck, looks = list(config["widths"]), config["neck"], config["looks"]
    if len(widths) != 5 or not all(type(n) is int and 0 < n <= MOST_WIDE for n in (*widths, neck, looks)):
        raise ValueError("config.json: its sizes are none that a finder has")
    told = {name: [str(each) for each in config[name]] for name in ("colours", "settings", "manners")}
    return {"widths": widths, "neck": neck, "looks": looks, **told}


def load_thing_finder(folder: Path, dtype: torch.dtype, device: torch.device) -> ThingFinder:
    """A finder from its folder. Always float32: it is small, and numbers that are compared must be near."""
    return ThingFinder.from_pretrained(folder).to(device)
