"""What is remembered of memory that ran out, and when more is tried again."""

import sys

from diptych.engine.memory.ceilings import GROW_AFTER, GROW_AFTER_AT_MOST, Ceilings


def waits(ceilings: Ceilings) -> int:
    """Micro-batches that went well until a larger one may be tried."""
    return next(n for n in range(1, 1000) if ceilings.went_well("plan", 1000))


def test_what_ran_out_stays_out() -> None:
    ceilings = Ceilings()
    assert ceilings.most("plan") == sys.maxsize and not ceilings.went_well("plan", 1000)
    ceilings.ran_out("plan", 200, 100)
    ceilings.ran_out("plan", 600, 300)
    assert ceilings.most("plan") == 100
    assert ceilings.most("draft") == sys.maxsize


def test_after_some_that_went_well_it_doubles_up_to_what_it_was() -> None:
    ceilings = Ceilings()
    for tried in (800, 400, 200):
        ceilings.ran_out("plan", tried, tried // 2)
    found = []
    for _ in range(3):
        found.append(ceilings.most("plan"))
        assert waits(ceilings) == GROW_AFTER
    assert found == [100, 200, 400] and ceilings.most("plan") == sys.maxsize


def test_where_it_runs_out_again_more_have_to_go_well_but_not_for_ever() -> None:
    ceilings = Ceilings()
    found = []
    for _ in range(7):
        ceilings.ran_out("plan", 200, 100)
        found.append(waits(ceilings))
    assert found == [4, 8, 16, 32, 64, 64, 64] and found[-1] == GROW_AFTER_AT_MOST


def test_halving_several_times_at_once_is_one_failure() -> None:
    ceilings = Ceilings()
    for tried in (800, 400, 200):
        ceilings.ran_out("plan", tried, tried // 2)
    assert waits(ceilings) == GROW_AFTER


def test_what_goes_well_at_its_former_size_for_long_enough_is_forgotten() -> None:
    ceilings = Ceilings()
    for _ in range(2):
        ceilings.ran_out("plan", 200, 100)
        waits(ceilings)
    for _ in range(8):
        assert not ceilings.went_well("plan", 1000)
    ceilings.ran_out("plan", 200, 100)
    assert waits(ceilings) == GROW_AFTER


def test_small_work_is_no_proof_that_more_fits() -> None:
    ceilings = Ceilings()
    ceilings.ran_out("plan", 200, 100)
    assert not any(ceilings.went_well("plan", 50) for _ in range(20))
    assert [ceilings.went_well("plan", 51) for _ in range(GROW_AFTER)][-1]
