"""Amounts of memory as people write them."""

import pytest

from diptych import InputError
from diptych.engine.memory import format_bytes, parse_bytes


@pytest.mark.parametrize(
    ("text", "amount"),
    [("2GiB", 2 * 2**30), ("512 MiB", 512 * 2**20), ("1.5gb", 1_500_000_000), ("1000", 1000), ("8kib", 8192)],
)
def test_amounts_are_read(text: str, amount: int) -> None:
    assert parse_bytes(text) == amount


@pytest.mark.parametrize("text", ["", "two", "-1GiB", "0", "2 GiBs", "nan", "GiB", "1e9"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="such as 2GiB"):
        parse_bytes(text)


def test_bytes_are_written_for_a_reader() -> None:
    assert [format_bytes(n) for n in (512, 1536, 3 * 2**19, 2**31)] == [
        "512 bytes",
        "1.5 KiB",
        "1.5 MiB",
        "2.0 GiB",
    ]
    assert [format_bytes(n, up=True) for n in (512, 2**20, 2**20 + 1)] == ["512 bytes", "1.0 MiB", "1.1 MiB"]
