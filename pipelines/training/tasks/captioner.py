"""Trains the captioner: it writes captions of pictures and previews, and answers yes or no about single facts.

The loss is the cross-entropy of the caption's words, of the one word that answers, and of the words of true
facts as they are asked about: in training, the likelihood of a fact's words shows sooner than the answer
whether the fact is true. A linear head on the image encoder also predicts what is in every patch, its colour,
place and size, and the style, where the data has such labels: this dense signal teaches shapes several times
sooner than captions alone. Some heads of the decoder's cross-attention are supervised to look at the patches
that show a kind or a colour once its word is written (as in Liu et al. 2017, "Attention Correctness in Neural
Image Captioning"); without that it takes many thousands of steps to bind colours to things. A share of the rows
sees a blank picture: the likelihood score compares with what the model expects there. Shares no weights with
the drafter.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ....engine.models.vision.calibration import Calibration
from ....engine.models.vision.captioner import Captioner, seen_by
from ....engine.models.vision.patch_codebook import PatchCodebook
from ...sheets.sample_sheet import COUNT, Column
from ..data.source import DRAFT_SIDE, IGNORED, PICTURE_SIDE, Batch, TrainingData, indices_of
from ..data.texts import id_of
from ..loop.placement import copy_on, in_float32
from ..loop.weights import save_image_processor, save_transformers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, VisionEncoderDecoderModel

IMAGE_SIDE = 128
PATCH = 16  # pixels on the side of what the decoder looks at as one: the encoder halves four times
STEM = 2  # thirds of the first stage's channels: of the convolution before it
CAPTION_LENGTH = 36
ASK_LENGTH = 16
ASKS = 5  # true facts asked of a picture in training, and as many false ones
BINDING = {"thing": 3.0, "colour": 3.0, "place": 3.0, "relation": 3.0}
"""By how much more often a fact of this kind is asked about: what is said of one of several things is learnt
last."""
POINTING_HEADS = 2  # of each layer's cross-attention: look at what the last name in the text names
ASK_WEIGHT = 2.0
LOOK_WEIGHT = 2.0
NEXT_TO_NOTHING = 1e-30  # of attention


def seen_at(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 (b, h, w, 3) to uint8 (b, 128, 128, 3), as the image processor does it."""
    size = (IMAGE_SIDE, IMAGE_SIDE)
    small = [np.asarray(Image.fromarray(p.numpy()).resize(size, Image.Resampling.BICUBIC)) for p in pixels]
    return torch.from_numpy(np.stack(small))


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 (b, h, w, 3) to float32 (b, 3, h, w) in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def ask_text(fact: str) -> str:
    return f"<s><ask>{fact}<answer>"


class CaptionerTask:
    """A small ResNet (He et al. 2016), which a BERT decoder (Devlin et al. 2019) reads through cross-attention.

    Convolutions, because a vision transformer of as many weights learns the world's shapes many times later.
    Where a place lies in the picture they tell from the padding at its edges, which reaches every place.

    Args:
        codebook: previews of drafts are a share of the pictures.
        channels: of the encoder's three stages, each at half the resolution of the one before; the decoder is
            as wide as the last.
        depths: residual blocks of each.
        text_layers: of the decoder.
        blank: share of rows that see no picture.
        previews: share of rows that see what the tokens alone show.
        between: share of rows that see something between that and the picture, as refiners paint that are not
            sure of details.
        plain: share of captions that are the full wording.
    """

    name = "captioner"

    def __init__(
        self,
        data: TrainingData,
        codebook: PatchCodebook,
        tokenizer: "PreTrainedTokenizerFast",
        *,
        channels: Sequence[int] = (48, 96, 192),
        depths: Sequence[int] = (1, 1, 2),
        text_layers: int = 3,
        blank: float = 0.08,
        previews: float = 0.3,
        between: float = 0.3,
        plain: float = 0.6,
        seed: int = 0,
    ) -> None:
        if not len(channels) == len(depths) == 3:
            raise ValueError(f"channels = {list(channels)}, depths = {list(depths)}: must be three each")
        if previews + between > 1:
            raise ValueError(f"previews = {previews}, between = {between}: must be at most 1 together")
        self.data, self.codebook, self.tokenizer = data, codebook, tokenizer
        self.blank, self.previews, self.between, self.seed = blank, previews, between, seed
        self.plain = plain
        torch.manual_seed(seed)
        self.captioner = _captioner(channels, depths, text_layers, tokenizer)
        self._decoder: Any = self.captioner.decoder
        if data.patch_classes:
            self._decoder.set_attn_implementation("eager")  # the one that tells where it looks
        self.model = torch.nn.ModuleDict({"captioner": self.captioner})
        if data.patch_classes:
            self.model["classifier"] = torch.nn.Linear(channels[-1], sum(data.patch_classes))
        yes, no = (self._ids(word)[-1] for word in ("<answer> yes", "<answer> no"))
        self.answers = (no, yes)
        self._names = data.names()

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def batch(self, step: int, size: int) -> dict[str, torch.Tensor]:
        """Pictures, uint8 (b, h, w, 3), as the encoder and as the tokens are to show them, how sharp each is
        seen and whether at all; captions (b, t) with labels; asks (b · k, t), those of a picture together, with
        labels of their words and of their answers."""
        indices = indices_of(step, size, count=self.data.count, seed=self.seed, what=self.name)
        rngs = [random.Random(f"captioner/{self.seed}/{step}/{i}") for i in range(size)]
        sharpness = torch.tensor([self._sharpness(rng) for rng in rngs])
        blank = torch.tensor([rng.random() < self.blank for rng in rngs])
        large = self.data.take(indices, PICTURE_SIDE)
        captions = [self._caption(scene, rng) for scene, rng in zip(large.scenes, rngs, strict=True)]
        asks = [self._asks(scene, rng) for scene, rng in zip(large.scenes, rngs, strict=True)]
        caption_ids, caption_labels = self._rows(captions, CAPTION_LENGTH)
        ask_ids, labels = self._rows([ask for row in asks for ask in row], ASK_LENGTH)
        lengths = (ask_ids != id_of(self.tokenizer, "<pad>")).sum(1, keepdim=True)
        answers = torch.arange(ask_ids.shape[1]) == lengths - 1
        asked = torch.arange(size).repeat_interleave(2 * ASKS)
        ask_labels = labels.where(answers & ~blank[asked][:, None], IGNORED)  # unseen, there is no answer
        return {
            "pictures": seen_at(large.pixels),
            "small": large.smaller(DRAFT_SIDE).pixels,
            "sharpness": sharpness,
            "blank": blank,
            "caption_ids": caption_ids,
            "caption_labels": caption_labels,
            "ask_ids": ask_ids,
            "ask_labels": ask_labels,
            "fact_labels": labels.where(~answers, IGNORED),
            "patches": self._patches(large, blank),
            "caption_names": self._named(caption_ids),
            "ask_names": self._named(ask_ids),
        }

    def _sharpness(self, rng: random.Random) -> float:
        """Of what a row sees: 0, what the tokens alone show, to 1, the picture."""
        drawn = rng.random()
        if drawn < self.previews:
            return 0.0
        return rng.uniform(0.1, 0.9) if drawn < self.previews + self.between else 1.0

    def pixels(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """What each row sees: float32 (b, 3, 128, 128) in [-1, 1], zeros where it sees nothing."""
        device = batch["pictures"].device
        with in_float32(device):
            codebook = copy_on(device, self.codebook)
            previews = codebook.decode(codebook.encode(batch["small"])).permute(0, 3, 1, 2).float()
            side = (IMAGE_SIDE, IMAGE_SIDE)
            previews = F.interpolate(previews, side, mode="bicubic", antialias=True)  # as Pillow does it
            sharp = normalised(batch["pictures"])
            blurred = previews.round().clamp(0, 255) / 127.5 - 1
            seen = blurred.lerp(sharp, batch["sharpness"][:, None, None, None])
            return seen.masked_fill(batch["blank"][:, None, None, None], 0)

    def _patches(self, pictures: Batch, blank: torch.Tensor) -> torch.Tensor:
        """What fills each patch, as the data knows it: int64 (b, s, labels)."""
        labels = self.data.patch_labels(pictures, IMAGE_SIDE // PATCH)
        labels[blank] = IGNORED
        return labels

    def _caption(self, scene: Any, rng: random.Random) -> tuple[list[int], list[int]]:
        text = self.data.prompt_of(scene) if rng.random() < self.plain else self.data.caption_of(scene, rng)
        ids = self._ids(f"<s><caption>{text}</s>")
        return ids, [IGNORED, *ids[2:], IGNORED]

    def _asks(self, scene: Any, rng: random.Random) -> list[tuple[list[int], list[int]]]:
        true, wrong = self.data.facts_of(scene), self.data.false_facts_of(scene, rng)
        false = [fact for fact in wrong if not self.data.teaches_prejudice(scene, fact)]
        rows = []
        for facts, answer in ((true, self.answers[1]), (false, self.answers[0])):
            for _, text in rng.choices(facts, [BINDING.get(kind, 1.0) for kind, _ in facts], k=ASKS):
                *ids, asking = self._ids(ask_text(text))
                ids = [*ids[: ASK_LENGTH - 1], asking]  # a long fact is cut, the question mark stays
                said = ids[2:] if facts is true else [IGNORED] * len(ids[2:])
                rows.append((ids, [IGNORED, *said, answer]))
        return rows

    def _rows(self, rows: list[tuple[list[int], list[int]]], length: int) -> tuple[torch.Tensor, torch.Tensor]:
        pad = id_of(self.tokenizer, "<pad>")
        ids = torch.full((len(rows), length), pad)
        labels = torch.full((len(rows), length), IGNORED)
        for i, (row, wanted) in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)[:length]
            labels[i, : len(row)] = torch.tensor(wanted)[:length]
        longest = int((ids != pad).sum(1).max())
        return ids[:, :longest], labels[:, :longest]

    def _named(self, ids: torch.Tensor) -> torch.Tensor:
        """What tokens (b, t) name that end a name, and, where a question ends, what its last name names:
        int64 (b, t, 2), the number of a patch's label and its value; of other tokens `IGNORED` twice."""
        names = self._names
        named = torch.full((*ids.shape, 2), IGNORED)
        for row, tokens in zip(named, ids.tolist(), strict=True):
            pieces = self.tokenizer.convert_ids_to_tokens(tokens)
            word, last = "", (IGNORED, IGNORED)
            for i, (piece, following) in enumerate(zip(pieces, [*pieces[1:], "<"], strict=True)):
                begins, control = piece.startswith("▁"), piece.startswith("<")
                word = "" if control else piece[1:].replace("▁", " ") if begins else word + piece
                ends = word in names and following.startswith(("▁", "<", ",", "."))
                last = names[word] if ends else last
                if ends or piece == "<answer>":
                    row[i] = torch.tensor(last)
        return named

    def loss(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        seen = seen_by(self.captioner, self.pixels(batch))
        captioned = self._read(batch["caption_ids"], seen)
        asked = self._answered(batch["ask_ids"], seen)
        caption = _nats(captioned.logits, batch["caption_labels"])
        logits = asked.logits.view(*batch["ask_ids"].shape, -1)
        ask, fact = (_nats(logits, batch[labels]) for labels in ("ask_labels", "fact_labels"))
        losses = {"loss": caption + ASK_WEIGHT * ask + fact, "caption": caption, "ask": ask, "fact": fact}
        if self.data.patch_classes:
            losses["patch"] = self._patch_nats(seen, batch["patches"])
            names = batch["ask_names"].view(len(seen), -1, 2)
            losses["look"] = _looking_nats(
                captioned.cross_attentions, _shown(batch["patches"], batch["caption_names"])
            ) + _looking_nats(asked.cross_attentions, _shown(batch["patches"], names))
            losses["loss"] = losses["loss"] + losses["patch"] + LOOK_WEIGHT * losses["look"]
        return losses

    def _patch_nats(self, seen: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of each label of the patches, added up; saying that there is nothing weighs a fifth."""
        logits = self.model["classifier"](seen).split(list(self.data.patch_classes), -1)
        total = torch.zeros((), device=seen.device)
        for part, wanted in zip(logits, labels.unbind(-1), strict=True):
            weight = torch.ones(part.shape[-1], device=seen.device)
            weight[0] = 0.2
            total = total + _nats(part, wanted, weight)
        return total

    def _read(self, ids: torch.Tensor, seen: torch.Tensor, **how: Any) -> Any:
        """The decoder's output: logits (b, t, v) of each token's next one; where the data knows what is in a
        patch, cross-attentions."""
        return self._decoder(
            input_ids=ids,
            encoder_hidden_states=seen,
            use_cache=False,
            output_attentions=bool(self.data.patch_classes),
            **how,
        )

    def _answered(self, ids: torch.Tensor, seen: torch.Tensor) -> Any:
        """As `_read`, of as many texts (b · n, t) of each picture: read as one text (b, n · t) whose parts do
        not see each other, so that what they look at is computed once."""
        n, length = len(ids) // len(seen), ids.shape[1]
        part = torch.arange(n * length, device=ids.device) // length
        sees = (part[:, None] == part) & torch.ones_like(part[:, None] == part).tril()
        unseen = torch.zeros(sees.shape, device=seen.device).masked_fill(~sees, torch.finfo(seen.dtype).min)
        places = torch.arange(length, device=ids.device).repeat(n)
        return self._read(
            ids.reshape(len(seen), -1),
            seen,
            position_ids=places[None].expand(len(seen), -1),
            attention_mask=unseen[None, None].expand(len(seen), 1, -1, -1),
        )

    def show(self) -> list[Column]:
        """Held-out pictures with what is said of them."""
        pixels = self.data.held_out().take(range(COUNT), PICTURE_SIDE).pixels
        captioner = Captioner(
            model=self.captioner,
            processor=None,
            tokenizer=self.tokenizer,
            caption_start=tuple(self._ids("<s><caption>")),
            answers=self.answers,
            text_length=CAPTION_LENGTH,
            calibration=Calibration(),
        )
        seen = captioner.encode(normalised(seen_at(pixels)))
        return [((row,), text) for row, text in zip(pixels, captioner.captions(seen), strict=True)]

    def save(self, folder: Path) -> None:
        save_transformers(self.captioner, folder, self.tokenizer)
        save_image_processor(folder, IMAGE_SIDE)


def _captioner(
    channels: Sequence[int], depths: Sequence[int], text_layers: int, tokenizer: "PreTrainedTokenizerFast"
) -> "VisionEncoderDecoderModel":
    from transformers import BertConfig, ResNetConfig, VisionEncoderDecoderConfig, VisionEncoderDecoderModel

    width = channels[-1]
    wide: dict[str, Any] = {"hidden_size": width}  # what the library looks for in an encoder
    vision = ResNetConfig(
        embedding_size=max(8, channels[0] * STEM // 3),
        hidden_sizes=list(channels),
        depths=list(depths),
        layer_type="basic",
        **wide,
    )
    text = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=text_layers,
        num_attention_heads=6,
        max_position_embeddings=64,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        is_decoder=True,
        add_cross_attention=True,
        bos_token_id=id_of(tokenizer, "<s>"),
        eos_token_id=id_of(tokenizer, "</s>"),
        pad_token_id=id_of(tokenizer, "<pad>"),
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        vision,
        text,
        decoder_start_token_id=id_of(tokenizer, "<s>"),
        eos_token_id=id_of(tokenizer, "</s>"),
        pad_token_id=id_of(tokenizer, "<pad>"),
    )
    return VisionEncoderDecoderModel(config)


def _nats(logits: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    """The mean cross-entropy of labels (b, t) that are not `IGNORED`, 0 where all are; `weight` of a value."""
    if weight is None:
        weight = torch.ones(logits.shape[-1], device=logits.device)
    nats = F.cross_entropy(
        logits.transpose(1, 2).float(), labels, weight=weight, ignore_index=IGNORED, reduction="sum"
    )
    weights = weight[labels.clamp_min(0)] * (labels != IGNORED)
    return nats / weights.sum().clamp_min(weight.min())


def _shown(patches: torch.Tensor, names: torch.Tensor) -> torch.Tensor:
    """Which patches (b, s, labels) show what is named, (b, t, 2): bool (b, t, s)."""
    label, value = names.clamp_min(0).unbind(-1)
    of_label = patches.mT.gather(1, label[..., None].expand(-1, -1, patches.shape[1]))  # (b, t, s)
    return (of_label == value[..., None]) & (names[..., :1] != IGNORED)


def _looking_nats(attentions: tuple[torch.Tensor, ...], shown: torch.Tensor) -> torch.Tensor:
    """-log of the share of attention (b, heads, t, s), of `POINTING_HEADS` of each layer, that falls where it
    should, (b, t, s); the mean over what should fall anywhere."""
    wanted = shown.any(-1)  # (b, t)
    layers = torch.stack([layer[:, :POINTING_HEADS] for layer in attentions])
    nats = -((layers * shown[:, None]).sum(-1) + NEXT_TO_NOTHING).log()  # (layers, b, heads, t)
    return (nats.mean((0, 2)) * wanted).sum() / wanted.sum().clamp_min(1)
