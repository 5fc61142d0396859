"""The prompts that the benchmarks render: all different, of words that the pocket models know."""

KINDS = ("boat", "cat", "tree", "fish", "castle", "cup", "car", "bird", "house", "flower", "mushroom", "rocket")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black")
SETTINGS = ("", "at night", "in the snow", "at sunset", "at the beach")


def benchmark_prompts(count: int) -> list[str]:
    """A red boat, an orange cat at night, ...: the first 480 all differ."""
    return [_prompt(i) for i in range(count)]


def _prompt(i: int) -> str:
    lap, place = divmod(i, len(KINDS) * len(COLOURS))
    colour = COLOURS[(place + place // 24) % len(COLOURS)]  # after 24, the same kinds in other colours
    article = "an" if colour[0] in "aeiou" else "a"
    setting = SETTINGS[(place + lap) % len(SETTINGS)]
    return f"{article} {colour} {KINDS[place % len(KINDS)]} {setting}".rstrip()
