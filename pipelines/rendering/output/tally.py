"""Counts what came of a batch while it is rendered, and says so in the end."""

import dataclasses
from collections import defaultdict

from ....engine.messages import shown
from .record import Record, goes_on, may_pass

MOST_TOLD = 5
"""Rows of a kind that are named."""

MOST_PLACED = 40_000


@dataclasses.dataclass(kw_only=True)
class Tally:
    """What came of the rows of one run.

    Args:
        done, failed, accepted: rows of this run.
        done_before, failed_before, accepted_before: rows that an earlier run settled.
        partial, partial_before: of them all, rows with a picture that does not show some of what was asked,
            since the plan left it out.
        older: rows of an earlier version of this engine, whose scores are of the whole plan.
        there: prompts of pictures that were asked for and are there, where that is worth saying; not of all.
        placed: rows of the folder by their numbers in the source, the first `MOST_PLACED` of them.
        dropped: rows without a picture that the source has no more; their lines were taken out of the results.
        kept: rows with a picture that the source has no more.
        superseded: rows that failed in earlier runs, whose prompt has come to a picture since; they were taken
            out, too.
        failures_before: prompts of rows that failed in an earlier run, each with the reason; not of all.
        stage_seconds: by stage, and for writing.
        may_pass: of all that failed, rows that may succeed if they are tried again as they are.
        goes_on: rows of this run that failed, and that the same command tries again.
        judged: whether pictures are: not so where the recipe has no judge.
        seconds: in all, by a clock that does not jump.
    """

    done: int = 0
    failed: int = 0
    accepted: int = 0
    done_before: int = 0
    failed_before: int = 0
    accepted_before: int = 0
    partial: int = 0
    partial_before: int = 0
    older: int = 0
    dropped: int = 0
    kept: int = 0
    superseded: int = 0
    failures_before: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    there: list[str] = dataclasses.field(default_factory=list)
    placed: dict[int, int] = dataclasses.field(default_factory=dict)
    stage_seconds: defaultdict[str, float] = dataclasses.field(default_factory=lambda: defaultdict(float))
    seconds: float = 0.0
    judged: bool = True
    may_pass: int = 0
    goes_on: int = 0

    @property
    def rows(self) -> int:
        """All rows that were looked at."""
        return self.done + self.failed + self.done_before + self.failed_before

    @property
    def all_done(self) -> bool:
        return self.failed + self.failed_before == 0

    def add(self, record: Record) -> None:
        """Count a row of this run."""
        self.done += record.status == "done"
        self.failed += record.status == "failed"
        self.may_pass += record.status == "failed" and may_pass(record.error or "")
        self.goes_on += record.status == "failed" and goes_on(record.error or "")
        self.accepted += record.accepted
        self.partial += bool(record.left_out)
        for stage, seconds in record.timings.items():
            self.stage_seconds[stage] += seconds

    def skip(self, *, done: bool, accepted: bool, partial: bool = False, older: bool = False) -> None:
        """Count a row that an earlier run settled."""
        self.done_before += done
        self.failed_before += not done
        self.accepted_before += accepted
        self.partial_before += partial
        self.older += older and done

    def failed_again(self, prompt: str, why: str) -> None:
        """A row that failed in an earlier run is left as it is."""
        self.may_pass += may_pass(why)
        if why and len(self.failures_before) < MOST_TOLD:
            self.failures_before.append((prompt, why))

    def found(self, prompt: str) -> None:
        """The picture that was asked for is there already."""
        if len(self.there) < MOST_TOLD:
            self.there.append(prompt)

    def lines(self) -> list[str]:
        """The summary, for a reader: what came of the rows; how quickly; where the time went."""
        done, failed = self.done + self.done_before, self.failed + self.failed_before
        accepted, partial = self.accepted + self.accepted_before, self.partial + self.partial_before
        of_them = f"{accepted} accepted, {partial} left something out" if partial else f"{accepted} accepted"
        if not self.judged:
            of_them = "not judged: the recipe has no judge"
        made, missed = f"{done} done", f"{failed} failed"
        if self.done_before:
            made = f"{self.done} made now, {self.done_before} done before"
        if self.failed_before:
            missed = f"{self.failed} failed now, {self.failed_before} failed before"
        lines = [f"{_count(self.rows, 'row')}: {made} ({of_them}), {missed}"]
        if self.done:
            pace = 60 * self.done / max(self.seconds, 1e-9)
            lines.append(f"{_count(self.done, 'picture')} in {_time(self.seconds)}: {pace:.1f} a minute")
        if self.stage_seconds:
            rest = max(0.0, self.seconds - sum(self.stage_seconds.values()))
            times = [*self.stage_seconds.items(), ("loading and the rest", rest)]
            lines.append(f"time: {', '.join(f'{name} {_time(seconds)}' for name, seconds in times)}")
        for prompt in self.there:
            lines.append(f"there already, of this seed and these settings: {shown(prompt)}")
        if self.older:
            rows = f"{_count(self.older, 'row')} of an earlier version of diptych"
            lines.append(f"{rows}: left with scores of the whole plan; --fresh renders and judges anew")
        if self.kept:
            rows = f"{_count(self.kept, 'picture')} of rows that the source has no more"
            lines.append(f"{rows}: kept, in results and gallery, too; --fresh leaves them out")
        if self.dropped:
            lines.append(
                f"{_count(self.dropped, 'failed row')} that the source has no more: left out of the results"
            )
        if self.superseded:
            rows = f"{_count(self.superseded, 'failed row')} of an earlier run with the same prompt"
            lines.append(f"{rows}: left out of the results, for there is a picture now")
        return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _time(seconds: float) -> str:
    """Seconds for a reader: `3.2 s`, `4 min 05 s`, `2 h 07 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
