"""The closing summary."""

from diptych.pipelines.rendering.output.record import Record, refused
from diptych.pipelines.rendering.output.tally import Tally


def test_the_summary_says_what_came_of_it_how_quickly_and_where_the_time_went() -> None:
    tally = Tally(seconds=90.0)
    timings = {"plan": 10.0, "draft": 20.0}
    tally.add(Record(row=1, prompt="a", seed=1, status="done", accepted=True, timings=timings))
    tally.add(Record(row=2, prompt="b", seed=1, status="done", timings=timings))
    tally.add(refused(3, "c", 1, "no"))
    tally.skip(done=True, accepted=True)
    assert tally.lines() == [
        "4 rows: 2 made now, 1 done before (2 accepted), 1 failed",
        "2 pictures in 1 min 30 s: 1.3 a minute",
        "time: plan 20.0 s, draft 40.0 s, loading and the rest 30.0 s",
    ]
    assert not tally.all_done


def test_rows_that_left_something_out_are_counted_also_those_of_an_earlier_run() -> None:
    tally = Tally()
    tally.add(Record(row=1, prompt="a cat wearing a hat", seed=1, status="done", left_out=("wearing", "hat")))
    tally.add(Record(row=2, prompt="a cat", seed=1, status="done", accepted=True))
    tally.skip(done=True, accepted=False, partial=True)
    assert tally.lines()[0].startswith(
        "3 rows: 2 made now, 1 done before (1 accepted, 2 left something out), 0 failed"
    )


def test_rows_of_an_earlier_version_are_said_to_stay_as_they_are() -> None:
    tally = Tally()
    tally.skip(done=True, accepted=True, older=True)
    tally.skip(done=False, accepted=False, older=True)
    assert tally.lines()[-1] == (
        "1 row of an earlier version of diptych: left with scores of the whole plan;"
        " --fresh renders and judges anew"
    )


def test_hours_are_hours_and_nothing_is_nothing() -> None:
    tally = Tally(done=1000, seconds=7620.0, dropped=1)
    assert "1000 pictures in 2 h 07 min: 7.9 a minute" in tally.lines()
    assert tally.lines()[-1].startswith("1 failed row that the source has no more")
    assert Tally().lines() == ["0 rows: 0 done (0 accepted), 0 failed"]


def test_pictures_that_nobody_judged_are_not_called_rejected() -> None:
    tally = Tally(judged=False)
    tally.add(Record(row=1, prompt="a", seed=1, status="done"))
    assert tally.lines()[0] == "1 row: 1 done (not judged: the recipe has no judge), 0 failed"
