"""The gallery: one page that shows a batch, opens from disk, needs no network and runs no script.

It lies beside the pictures and links to them by name. Whatever came from a prompt, a model or a file name is
escaped, and cut where it is very long.
"""

import html
import string
import unicodedata
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from .record import Record

_HERE = Path(__file__).parent
_MAX_CHARACTERS = 600


def gallery(records: Sequence[Record], *, title: str) -> bytes:
    """The page as a UTF-8 file."""
    page = string.Template((_HERE / "gallery.html").read_text(encoding="utf-8"))
    return page.substitute(
        title=_text(title),
        style=(_HERE / "gallery.css").read_text(encoding="utf-8"),
        summary=_text(_summary(records)),
        cards="\n".join(_card(record) for record in records),
    ).encode("utf-8")


def _summary(records: Sequence[Record]) -> str:
    scores = [record.score for record in records if record.score is not None]
    parts = [f"{len(scores)} picture{'' if len(scores) == 1 else 's'}"]
    if scores:
        parts.append(f"{sum(record.accepted for record in records)} accepted")
        parts.append(f"mean score {sum(scores) / len(scores):.2f}")
    if failures := sum(record.status == "failed" for record in records):
        parts.append(f"{failures} failed")
    return " · ".join(parts)


def _card(record: Record) -> str:
    kind = "failed" if record.status == "failed" else "accepted" if record.accepted else "doubtful"
    parts = [f'<h2 dir="auto">{_text(record.prompt)}</h2>']
    if record.resolved_prompt and record.resolved_prompt != record.prompt:
        parts.append(f'<p class="plan" dir="auto">{_text(record.resolved_prompt)}</p>')
    if record.caption is not None:
        parts.append(_seen(record))
    if record.facts:
        parts.append(f"<ul>{''.join(_fact(fact['text'], shown=fact['shown']) for fact in record.facts)}</ul>")
    if record.error is not None:
        parts.append(f'<p class="error">{_text(record.error)}</p>')
    body = "\n".join([*parts, _footer(record)])
    text = f'<div class="text">\n{body}\n</div>'
    return f'<article class="{kind}" id="row-{record.row}">\n{_figure(record)}\n{text}\n</article>'


def _figure(record: Record) -> str:
    if record.picture is None:
        return "<figure>no picture</figure>"
    link = _link(record.picture)
    score = "" if record.score is None else f'<span class="score" title="score">{record.score:.2f}</span>'
    image = f'<img src="{link}" alt="{_text(record.caption or record.prompt)}" loading="lazy">'
    return f'<figure><a href="{link}">{image}</a>{score}</figure>'


def _seen(record: Record) -> str:
    draft = ""
    if preview := record.preview:
        image = f'<img src="{_link(preview)}" alt="draft preview" loading="lazy">'
        draft = f'<p class="draft"><span class="label">draft</span>{image}</p>'
    caption = f'<span class="caption" dir="auto">{_text(record.caption or "nothing")}</span>'
    return f'<div class="seen">{draft}<p><span class="label">what the judge sees</span>{caption}</p></div>'


def _fact(text: str, *, shown: bool) -> str:
    return f'<li class="{"yes" if shown else "no"}" dir="auto">{_text(text)}</li>'


def _footer(record: Record) -> str:
    parts = [f"#{record.row}", f"seed {record.seed}"]
    if len(record.candidates) > 1:
        chosen = next(place for place, c in enumerate(record.candidates, start=1) if c["chosen"])
        parts.append(f"candidate {chosen} of {len(record.candidates)}")
    if record.timings:
        parts.append(f"{sum(record.timings.values()):.1f} s")
    return f"<footer>{''.join(f'<span>{part}</span>' for part in parts)}</footer>"


def _link(name: str) -> str:
    return html.escape(urllib.parse.quote(name))


def _text(text: str) -> str:
    if len(text) > _MAX_CHARACTERS:
        text = text[:_MAX_CHARACTERS].rstrip() + " …"
    return html.escape("".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text))
