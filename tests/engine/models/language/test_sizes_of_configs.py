"""What bytes are counted from, of configs that are anybody's."""

import time
from typing import Any

import pytest

from diptych.engine.models.language.causal_lm import decoding_bytes, packed_bytes

SOUND = {"num_attention_heads": 4, "num_hidden_layers": 2, "hidden_size": 64, "vocab_size": 100}


def counted(**changed: Any) -> int:
    config = SOUND | changed
    return decoding_bytes(config, rows=1, prefix=800, new_tokens=300) + packed_bytes(config, "float32")


def test_layers_that_differ_count_as_the_largest() -> None:
    assert counted(intermediate_size=[128, 256]) == counted(intermediate_size=256)
    assert counted(num_key_value_heads=None) == counted()


@pytest.mark.parametrize("name", [*SOUND, "head_dim", "intermediate_size"])
@pytest.mark.parametrize("odd", ["12", 1.5, True, {"a": 1}, [[1] * 9] * 3000, ["x"] * 3000])
def test_what_is_no_number_is_not_multiplied(name: str, odd: Any) -> None:
    began = time.process_time()
    with pytest.raises(TypeError, match=f"{name} is no whole number"):
        counted(**{name: odd})
    assert time.process_time() - began < 1  # a list times a number is a long list
