"""What people say most of pictures, in English: the usual phrase, and other ways to say the same.

For recipes whose planner takes any words. Data alone; a planner that has a vocabulary brings its own words.
"""

Ways = dict[str, tuple[str, ...]]

KINDS: Ways = {
    "cat": ("kitten", "kitty"),
    "fish": (),
    "bird": (),
    "butterfly": (),
    "turtle": ("tortoise",),
    "snail": (),
    "tree": (),
    "flower": ("blossom",),
    "mushroom": ("toadstool",),
    "cactus": (),
    "apple": (),
    "house": ("cottage", "home"),
    "castle": ("fortress",),
    "lighthouse": (),
    "boat": ("ship", "sailboat"),
    "car": ("automobile",),
    "rocket": ("spaceship",),
    "balloon": ("hot-air balloon",),
    "train": ("locomotive",),
    "cup": ("mug",),
    "umbrella": ("parasol",),
    "chair": (),
    "lamp": ("table lamp",),
    "clock": ("alarm clock",),
}

COLOURS: Ways = {
    "red": ("crimson", "scarlet"),
    "orange": ("tangerine",),
    "yellow": ("lemon",),
    "green": ("emerald",),
    "blue": ("cobalt",),
    "purple": ("violet",),
    "white": ("ivory",),
    "black": ("jet-black",),
    "pink": ("rose",),
    "brown": ("chestnut",),
}

SIZES: Ways = {
    "small": ("little", "tiny"),
    "medium": ("medium-sized", "mid-sized"),
    "big": ("large", "huge", "giant"),
}

NUMBERS: Ways = {
    "one": (),
    "two": ("2", "a pair of"),
    "three": ("3", "a group of three"),
    "four": ("4", "a group of four"),
}

SETTINGS: Ways = {
    "in a meadow": ("in the meadow", "on the grass", "in a grassy field", "in a summer field", "meadow"),
    "at the beach": ("on the beach", "at the seaside", "by the sea", "on the shore", "beach"),
    "in the desert": ("in a desert", "among the dunes", "on the sand dunes", "desert"),
    "in the snow": ("in a snowy field", "on snowy ground", "in winter", "snow"),
    "at night": ("under the stars", "in the moonlight", "under the moon", "on a starry night", "night"),
    "at sunset": ("at dusk", "as the sun sets", "in the evening", "at sundown", "sunset"),
    "in a forest": ("in the forest", "in the woods", "in a dark forest", "forest"),
    "in the rain": ("on a rainy day", "in a storm", "in rainy weather", "rain"),
    "in the city": ("in a city", "downtown", "in the town", "city"),
    "under water": ("underwater", "at the bottom of the sea", "deep in the ocean"),
}

STYLES: Ways = {
    "as a flat drawing": ("in a flat style", "flat design", "flat style", "flat"),
    "in watercolour": ("in watercolor", "as a watercolour painting", "watercolour style", "watercolour"),
    "in ink": ("as an ink drawing", "ink style", "drawn in ink", "ink"),
    "as pixel art": ("in pixel art style", "pixelated", "pixel style", "pixel art", "pixel"),
    "as a paper cut": ("in paper-cut style", "cut from paper", "as a paper collage", "paper cut", "paper-cut"),
}

PLAIN_SIZE = "medium"
PLAIN_STYLE = "as a flat drawing"
"""What need not be said."""

_PLURALS = {"fish": "fish", "butterfly": "butterflies", "cactus": "cacti"}


def plural(noun: str) -> str:
    """Several of `noun`: 'cats', 'fish', 'butterflies'."""
    return _PLURALS.get(noun) or f"{noun}{'es' if noun.endswith('s') else 's'}"
