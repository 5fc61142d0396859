"""Captioners and vision-language chat models of the transformers library, whatever their architecture.

They are carried out by the library's own processors and forward, one picture at a time: what is said of a
picture cannot depend on its neighbours. What all texts about a picture have in common, the picture above all,
is read once, where the architecture has a cache for it.

Knows ids and logits. Knows nothing of verdicts; loading is left to `captioner_loader`.
"""

import abc
import copy
import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from ..language.causal_lm import single_id
from ..language.chat_template import templated

DESCRIBE = "Describe this picture in one sentence."
ASK = 'Does this picture show "{text}"? Please answer yes or no.'
GREY = 127


class Said(NamedTuple):
    """A text that answers something about a picture.

    Args:
        asked: what the model is asked; a captioner that takes no questions leaves it aside.
        ids: of the answer, at least one.
    """

    asked: str
    ids: tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureReader(abc.ABC):
    """What captioners and chat models have in common. Pictures are uint8 (h, w, 3) on the CPU.

    Args:
        model: of transformers.
        processor: the checkpoint's own, for pictures and text.
        end: the id that ends a text.
    """

    model: Any
    processor: Any
    end: int

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def tokenizer(self) -> Any:
        return self.processor.tokenizer

    @property
    @abc.abstractmethod
    def chats(self) -> bool:
        """Whether it can be asked whether a picture shows something."""

    @abc.abstractmethod
    def inputs(self, picture: torch.Tensor, asked: str) -> dict[str, torch.Tensor]:
        """What the model is given of a picture and a question, on its device; a batch of one."""

    @abc.abstractmethod
    def logits(self, picture: torch.Tensor, said: Sequence[Said]) -> list[torch.Tensor]:
        """For each text float32 (t, v): what the model expects in the place of each of its ids."""

    def text_ids(self, text: str) -> tuple[int, ...]:
        """A text as the model would write it, without its end."""
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    @torch.inference_mode()
    def negative_log_likelihood(self, picture: torch.Tensor, texts: Sequence[str]) -> list[float]:
        """-log p(text | picture) a token, end included, of each text as a description of the picture."""
        said = [Said(DESCRIBE, (*self.text_ids(text), self.end)) for text in texts]
        return [
            _surprise(logits, each.ids) for logits, each in zip(self.logits(picture, said), said, strict=True)
        ]

    @torch.inference_mode()
    def yes(self, picture: torch.Tensor, facts: Sequence[str]) -> list[float]:
        """The probability of 'yes' against 'no' to whether the picture shows each fact.

        As in Lin et al. 2024, "Evaluating Text-to-Visual Generation with Image-to-Text Generation", but of the
        two answers alone.
        """
        said = [Said(ASK.format(text=fact), self._answers[0][:1]) for fact in facts]
        return [self._yes(logits[0]) for logits in self.logits(picture, said)]

    def _yes(self, logits: torch.Tensor) -> float:
        """From float32 (v,)."""
        said = logits.cpu().double()  # which not every device has
        yes, no = (said[list(ids)].logsumexp(0) for ids in self._answers)
        return float((yes - no).sigmoid())

    @functools.cached_property
    def _answers(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The ids with which 'yes' and 'no' begin, in all their spellings."""
        yes, no = ({self.text_ids(each)[0] for each in _spelt(word)} for word in ("yes", "no"))
        return tuple(sorted(yes - no)), tuple(sorted(no - yes))

    @torch.inference_mode()
    def caption(self, picture: torch.Tensor, *, max_tokens: int = 48) -> str:
        """The likeliest description, word by word."""
        inputs = self.inputs(picture, DESCRIBE)
        written = self._generated(inputs, max_tokens)
        asked = inputs["input_ids"][0].tolist()
        if written[: len(asked)] == asked:  # else the library gives the new ids alone
            written = written[len(asked) :]
        return str(self.tokenizer.decode(written, skip_special_tokens=True)).strip()

    def _generated(self, inputs: dict[str, torch.Tensor], max_tokens: int) -> list[int]:
        return self.model.generate(
            **inputs, max_new_tokens=max_tokens, do_sample=False, num_beams=1, eos_token_id=self.end
        )[0].tolist()

    def _tensors(self, found: Any) -> dict[str, torch.Tensor]:
        """A processor's output as the model takes it."""
        return {
            name: each.to(self.device, self.model.dtype) if each.is_floating_point() else each.to(self.device)
            for name, each in found.items()
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class CaptionReader(PictureReader):
    """A model that captions pictures and takes no questions: BLIP, BLIP-2, Florence-2.

    Args:
        prompt: what the model's processor is given beside a picture.
        begin: ids that a caption begins with: an encoder-decoder's, or those of a decoder without a prompt.
        encodes: whether picture and prompt go to an encoder, and the caption alone to the decoder.
    """

    prompt: str
    begin: tuple[int, ...]
    encodes: bool

    @property
    def chats(self) -> bool:
        return False

    def inputs(self, picture: torch.Tensor, asked: str) -> dict[str, torch.Tensor]:
        image = picture.numpy()
        if self.begin and not self.encodes:
            found = dict(self.processor.image_processor(images=[image], return_tensors="pt"))
            found["input_ids"] = torch.tensor([self.begin])
        else:
            found = dict(self.processor(images=[image], text=[self.prompt], return_tensors="pt"))
        return self._tensors(found)

    def _generated(self, inputs: dict[str, torch.Tensor], max_tokens: int) -> list[int]:
        if not self.begin or self.encodes:
            return super()._generated(inputs, max_tokens)
        written = self.model.generate(  # it knows by itself where to begin and to end
            inputs["pixel_values"], max_new_tokens=max_tokens, do_sample=False, num_beams=1
        )
        return written[0].tolist()

    def logits(self, picture: torch.Tensor, said: Sequence[Said]) -> list[torch.Tensor]:
        inputs = self.inputs(picture, "")
        if self.encodes:
            return [self._decoded(inputs, each.ids) for each in said]
        return [_continued(self.model, inputs, each.ids) for each in said]

    def _decoded(self, inputs: dict[str, torch.Tensor], ids: tuple[int, ...]) -> torch.Tensor:
        prefix = torch.tensor([[*self.begin, *ids[:-1]]], device=self.device)
        output = self.model(**inputs, decoder_input_ids=prefix, use_cache=False)
        return output.logits[0, len(self.begin) - 1 :].float()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChatReader(PictureReader):
    """A vision-language chat model: SmolVLM, Qwen2.5-VL, Qwen3-VL and whatever else has a chat template.

    Args:
        template: its chat template.
    """

    template: str

    @property
    def chats(self) -> bool:
        return True

    def written(self, asked: str) -> str:
        """The conversation up to where the answer begins, with one mark where the picture goes."""
        content = [{"type": "image"}, {"type": "text", "text": asked}]
        return templated(
            self.tokenizer,
            [{"role": "user", "content": content}],
            template=self.template,
            add_generation_prompt=True,
            enable_thinking=False,
        )

    def inputs(self, picture: torch.Tensor, asked: str) -> dict[str, torch.Tensor]:
        found = self.processor(
            images=[picture.numpy()],
            text=[self.written(asked)],
            add_special_tokens=False,
            return_tensors="pt",
        )
        return self._tensors(found)

    def text_ids(self, text: str) -> tuple[int, ...]:
        return super().text_ids(f" {text}" if self.written("").endswith(":") else text)

    def logits(self, picture: torch.Tensor, said: Sequence[Said]) -> list[torch.Tensor]:
        """What the conversations have in common is read once, and kept in the library's cache."""
        asked = {each.asked: self.inputs(picture, each.asked) for each in said}
        rows = {key: inputs["input_ids"][0].tolist() for key, inputs in asked.items()}
        shared = _common(list(rows.values()))
        first = next(iter(asked.values()))
        read = self.model(**_cut(first, shared), use_cache=True, logits_to_keep=1).past_key_values
        found: list[torch.Tensor] = []
        for each in said:
            rest = [*rows[each.asked][shared:], *each.ids[:-1]]
            ids = torch.tensor([rest], device=self.device)
            output = self.model(
                input_ids=ids, past_key_values=copy.deepcopy(read), use_cache=True, logits_to_keep=len(each.ids)
            )
            found.append(output.logits[0].float())
        return found


def grey(picture: torch.Tensor) -> torch.Tensor:
    """A picture of nothing, of the same size."""
    return torch.full_like(picture, GREY)


def end_of(model: Any, tokenizer: Any, *, chats: bool) -> int:
    """The id with which the model ends a text: a chat model's turn, or what the checkpoint generates up to."""
    said = getattr(model.generation_config, "eos_token_id", None)
    first = said[0] if isinstance(said, list) else said
    return single_id(tokenizer.eos_token_id if chats or first is None else first)


def _continued(model: Any, inputs: dict[str, torch.Tensor], ids: tuple[int, ...]) -> torch.Tensor:
    """Logits (t, v) of `ids` after what a model without an encoder has read, all of it in one go."""
    prefix = inputs["input_ids"]
    more = torch.tensor([ids[:-1]], dtype=torch.long, device=prefix.device)
    together = inputs | {"input_ids": torch.cat([prefix, more], 1)}
    together["attention_mask"] = torch.ones_like(together["input_ids"])
    return model(**together).logits[0, prefix.shape[1] - 1 :].float()


def _surprise(logits: torch.Tensor, ids: tuple[int, ...]) -> float:
    """Mean -log p of `ids`, from (t, v)."""
    wanted = torch.tensor(ids, device=logits.device)
    return float(torch.nn.functional.cross_entropy(logits, wanted))


def _common(rows: Sequence[Sequence[int]]) -> int:
    """How many ids at their beginning all rows share; at least one is left of each."""
    most = min(map(len, rows)) - 1
    return next((i for i in range(most) if len({row[i] for row in rows}) > 1), most)


def _cut(inputs: dict[str, torch.Tensor], length: int) -> dict[str, torch.Tensor]:
    """The first ids of a batch of one, with all that belongs to its picture."""
    width = inputs["input_ids"].shape[1]
    return {
        name: each[:, :length] if each.ndim == 2 and each.shape == (1, width) else each
        for name, each in inputs.items()
    }


def _spelt(word: str) -> tuple[str, ...]:
    return word, word.capitalize(), f" {word}", f" {word.capitalize()}"
