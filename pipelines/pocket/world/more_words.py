"""Further ways in which people say the words of the world, in English and in French.

The models learn from `words` alone. These ways are read by rule, and told to the models in the usual words;
so they cost no training, and may be of any language.
"""

Ways = dict[str, tuple[str, ...]]

MORE_KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cat": (
        ("kitty cat", "pussycat", "pussy cat", "chat", "chaton"),
        ("kitties", "kitty cats", "chats", "chatons"),
    ),
    "fish": (("poisson",), ("fishes", "poissons")),
    "bird": (("birdie", "birdy", "oiseau"), ("birdies", "oiseaux")),
    "butterfly": (("papillon",), ("papillons",)),
    "turtle": (("tortue",), ("tortues",)),
    "snail": (("escargot",), ("escargots",)),
    "tree": (("arbre",), ("arbres",)),
    "flower": (("fleur",), ("fleurs",)),
    "mushroom": (("champignon",), ("shrooms", "champignons")),
    "cactus": ((), ("cactuses",)),
    "apple": (("pomme",), ("pommes",)),
    "house": (("maison",), ("maisons",)),
    "castle": (("château", "chateau"), ("châteaux", "chateaux")),
    "lighthouse": (("light house", "phare"), ("light houses", "phares")),
    "boat": (
        ("sail boat", "sailing boat", "sailing ship", "bateau", "voilier", "bateau à voile"),
        ("sail boats", "sailing boats", "bateaux", "voiliers"),
    ),
    "car": (("auto", "motorcar", "motor car", "voiture"), ("autos", "voitures")),
    "rocket": (
        ("rocket ship", "rocketship", "space rocket", "space ship", "spacecraft", "fusée", "fusee"),
        ("rocket ships", "rocketships", "space ships", "fusées", "fusees"),
    ),
    "balloon": (
        ("hot air balloon", "montgolfière", "ballon"),
        ("hot air balloons", "montgolfières", "ballons"),
    ),
    "train": (("choo choo train", "choo choo", "steam train"), ()),
    "cup": (("tasse", "mug"), ("tasses",)),
    "umbrella": (("brolly", "parapluie", "ombrelle"), ("brollies", "parapluies", "ombrelles")),
    "chair": (("chaise",), ("chaises",)),
    "lamp": (("lampe",), ("lampes",)),
    "clock": (("horloge", "réveil", "pendule"), ("horloges", "réveils", "pendules")),
}

MORE_COLOURS: Ways = {
    "red": ("rouge", "rouges"),
    "orange": ("oranges", "orangé", "orangée"),
    "yellow": ("jaune", "jaunes"),
    "green": ("vert", "verte", "verts", "vertes"),
    "blue": ("bleu", "bleue", "bleus", "bleues"),
    "purple": ("violette", "violets", "violettes", "mauve", "mauves", "pourpre"),
    "white": ("blanc", "blanche", "blancs", "blanches"),
    "black": ("noir", "noire", "noirs", "noires"),
    "pink": ("roses",),
    "brown": ("marron", "marrons", "brun", "brune", "bruns", "brunes"),
}

MORE_SIZES: Ways = {
    "small": (
        *("teeny", "teeny tiny", "itty bitty", "miniature", "mini", "wee", "smallish"),
        *("petit", "petite", "petits", "petites", "minuscule", "minuscules"),
    ),
    "medium": ("medium", "medium size", "middle sized", "moyen", "moyenne", "de taille moyenne"),
    "big": (
        *("enormous", "gigantic", "massive", "immense", "great big", "humongous", "oversized"),
        *("grand", "grande", "grands", "grandes", "gros", "grosse", "énorme", "énormes", "géant", "géante"),
        *("géants", "géantes", "gigantesque"),
    ),
}

MORE_NUMBERS: Ways = {
    "1": (
        "1",
        "a single",
        "single",
        "just one",
        "only one",
        "exactly one",
        "a lone",
        "lone",
        "un seul",
        "une seule",
    ),
    "2": ("a couple of", "couple of", "pair of", "deux", "une paire de", "exactly two"),
    "3": ("trio of", "a trio of", "group of three", "trois", "exactly three"),
    "4": ("group of four", "quatre", "exactly four"),
    "5": ("five", "5", "cinq", "half a dozen"),
    "6": ("six", "6", "a half dozen"),
    "7": ("seven", "7", "sept"),
    "8": ("eight", "8", "huit"),
    "9": ("nine", "9", "neuf"),
    "10": ("ten", "10", "dix"),
    "11": ("eleven", "11", "onze"),
    "12": ("twelve", "12", "a dozen", "dozen", "douze", "une douzaine de"),
    "13": ("thirteen", "13"),
    "15": ("fifteen", "15", "quinze"),
    "20": ("twenty", "20", "vingt"),
    "50": ("fifty", "50"),
    "100": ("hundred", "a hundred", "100", "cent", "hundreds of"),
    "1000": ("thousand", "a thousand", "1000", "mille", "thousands of"),
}

SEVERAL: tuple[str, ...] = (
    *("several", "some", "a few", "few", "a bunch of", "bunch of", "many", "lots of", "a lot of", "multiple"),
    *("various", "a group of", "group of", "plenty of", "numerous"),
    *("plusieurs", "quelques", "beaucoup de", "un groupe de"),
)

MORE_PLACES: Ways = {
    "left": (
        *("left", "on left", "at left", "left side", "left hand side", "on the left hand side"),
        *("à gauche", "a gauche", "sur la gauche"),
    ),
    "middle": (
        *("middle", "centre", "center", "at the center", "at the centre", "in center", "in centre", "centered"),
        *("in the middle of the picture", "in the center of the picture", "in the middle of the image"),
        *("in the center of the image", "in the center of the frame", "au milieu", "au centre"),
    ),
    "right": (
        *("right", "on right", "at right", "right side", "right hand side", "on the right hand side"),
        *("à droite", "a droite", "sur la droite"),
    ),
}

MORE_RELATIONS: Ways = {
    "left": (
        *("at the left of", "on the left side of", "to the left side of"),
        *("à gauche de", "à gauche du", "à gauche d'", "à gauche des"),
    ),
    "right": (
        *("at the right of", "on the right side of", "to the right side of"),
        *("à droite de", "à droite du", "à droite d'", "à droite des"),
    ),
    "above": (
        *("high above", "directly above", "up above", "on the top of"),
        *("au-dessus de", "au-dessus du", "au-dessus d'", "au-dessus des"),
    ),
    "below": (
        *("directly below", "sous", "au-dessous de", "au-dessous du", "au-dessous d'"),
        *("en dessous de", "en dessous du", "en dessous d'"),
    ),
    "between": ("in between", "entre"),
}

MORE_SETTINGS: Ways = {
    "meadow": (
        *("on a meadow", "meadows", "in meadows", "in a green meadow", "in the grass", "in grass", "on grass"),
        *("grass", "grassland", "in a grassland", "grassy", "in a field", "in the field", "in the fields"),
        *("in a field of grass", "on a field", "in a flower meadow", "summer field", "grassy field"),
        *("dans un pré", "dans le pré", "dans une prairie", "dans la prairie", "prairie", "pré", "sur l'herbe"),
        *("dans l'herbe", "dans un champ", "dans les champs"),
    ),
    "beach": (
        *("on a beach", "at a beach", "on the sandy beach", "on a sandy beach", "sandy beach", "seaside"),
        *("by the seaside", "at the seashore", "seashore", "shore", "at the shore", "by the shore", "on shore"),
        *("by the ocean", "near the sea", "near the ocean", "along the shore", "at the coast", "seashore"),
        *("à la plage", "sur la plage", "sur une plage", "plage", "au bord de la mer", "près de la mer"),
    ),
    "desert": (
        *("on the dunes", "in the dunes", "dunes", "sand dunes", "in the sandy desert", "desert landscape"),
        *("dans le désert", "dans un désert", "désert", "dans les dunes"),
    ),
    "snow": (
        *("in snow", "in the snowy field", "in a snowy landscape", "snowy landscape", "snowy field", "snowy"),
        *(
            "in the winter",
            "winter",
            "winter scene",
            "on snow",
            "on the snow",
            "in a snow field",
            "wintertime",
            "snowing",
        ),
        *("it is snowing", "it's snowing", "while it snows", "il neige"),
        *("dans la neige", "sous la neige", "neige", "sur la neige", "en hiver", "l'hiver", "hiver", "enneigé"),
        *("enneigée", "paysage enneigé"),
    ),
    "night": (
        *(
            "at nighttime",
            "at night time",
            "nighttime",
            "night time",
            "by night",
            "in the night",
            "night scene",
        ),
        *(
            "at midnight",
            "midnight",
            "nite",
            "at nite",
            "starry night",
            "in a starry night",
            "under a starry sky",
            "by moonlight",
        ),
        *(
            "moonlight",
            "under the night sky",
            "la nuit",
            "de nuit",
            "nuit",
            "sous les étoiles",
            "au clair de lune",
        ),
        *("sous la lune", "dans la nuit"),
    ),
    "sunset": (
        *("at the sunset", "during sunset", "in the sunset", "sunset scene", "at sun set", "sun set", "dusk"),
        *(
            "at twilight",
            "twilight",
            "sundown",
            "evening",
            "when the sun sets",
            "while the sun sets",
            "sun setting",
        ),
        *("with a sunset", "at evening", "against the sunset", "au coucher du soleil", "coucher du soleil"),
        *(
            "coucher de soleil",
            "au coucher de soleil",
            "au crépuscule",
            "crépuscule",
            "le soir",
            "au soleil couchant",
        ),
    ),
    "forest": (
        *(
            "forest",
            "woods",
            "in woods",
            "woodland",
            "in the wood",
            "in woodland",
            "forest scene",
            "deep forest",
        ),
        *("dark forest", "in the dark forest", "in the deep forest", "deep in the forest", "deep in the woods"),
        *("dans la forêt", "dans une forêt", "forêt", "en forêt", "dans les bois", "dans un bois"),
    ),
    "rain": (
        *(
            "in rain",
            "rainy",
            "rainy day",
            "rainy weather",
            "raining",
            "it is raining",
            "it's raining",
            "its raining",
        ),
        *(
            "when it is raining",
            "when it rains",
            "while it rains",
            "while it is raining",
            "in the storm",
            "storm",
        ),
        *("rainstorm", "in a rainstorm", "rain storm", "on a wet day", "under the rain", "in heavy rain"),
        *(
            "sous la pluie",
            "pluie",
            "un jour de pluie",
            "jour de pluie",
            "il pleut",
            "sous l'orage",
            "pluvieux",
        ),
    ),
    "city": (
        *("city", "town", "in town", "in a town", "in the city centre", "in the city center", "cityscape"),
        *("in the big city", "in a big city", "city scene", "in a cityscape"),
        *("en ville", "dans la ville", "dans une ville", "ville", "au centre-ville"),
    ),
    "underwater": (
        *("under the water", "under the sea", "under the ocean", "beneath the sea", "beneath the waves"),
        *("deep sea", "in the deep sea", "deep under water", "deep underwater", "undersea", "under the waves"),
        *("at the bottom of the ocean", "bottom of the sea", "bottom of the ocean", "on the ocean floor"),
        *("ocean floor", "on the sea floor", "sea floor", "on the seabed", "seabed", "underwater scene"),
        *(
            "sous l'eau",
            "sous la mer",
            "au fond de la mer",
            "au fond de l'océan",
            "sous-marin",
            "au fond de l'eau",
        ),
    ),
}

MORE_STYLES: Ways = {
    "flat": (
        *("flat", "flat style", "flat drawing", "flat illustration", "flat colours", "flat colors", "flat art"),
        *("in flat design", "in flat colours", "in flat colors", "dessin plat", "style plat", "en aplat"),
    ),
    "watercolour": (
        *(
            "watercolour",
            "watercolor",
            "watercolours",
            "watercolors",
            "water colour",
            "water color",
            "aquarelle",
        ),
        *("in water colour", "in water color", "in watercolours", "in watercolors", "with watercolours"),
        *(
            "with watercolors",
            "watercolor painting",
            "watercolour painting",
            "watercolor style",
            "watercolor art",
        ),
        *("watercolour art", "in watercolour style", "in watercolor style", "in a watercolor style"),
        *("in a watercolour style", "watercolor illustration", "watercolour illustration", "water colours"),
        *("à l'aquarelle", "en aquarelle", "une aquarelle", "peint à l'aquarelle"),
    ),
    "ink": (
        *("ink", "ink drawing", "in ink style", "ink art", "ink illustration", "ink sketch", "pen and ink"),
        *("in pen and ink", "inked", "drawn with ink", "in black ink", "ink painting", "inkwork", "with ink"),
        *("à l'encre", "encre", "dessin à l'encre", "à l'encre noire", "encre noire", "à l'encre de chine"),
    ),
    "pixel": (
        *(
            "pixel art",
            "pixelart",
            "pixel",
            "pixels",
            "in pixels",
            "in pixel art",
            "8 bit",
            "8bit",
            "16 bit",
            "16bit",
        ),
        *("as pixelart", "in pixelart", "pixel art style", "in pixel style", "pixelated style", "pixelised"),
        *("in 8 bit style", "8 bit style", "pixelized", "pixel artwork"),
        *("en pixel art", "pixelisé", "style pixel art", "en pixels"),
    ),
    "paper-cut": (
        *("paper cut", "papercut", "in papercut style", "papercut style", "paper cut style", "paper cutout"),
        *("paper cut out", "cut paper", "paper collage", "as paper cut", "as papercut", "in paper cut style"),
        *(
            "as a papercut",
            "as a paper cutout",
            "cut out of paper",
            "paper cut art",
            "papercut art",
            "paper cuts",
        ),
        *("in paper cut", "in papercut", "collage of paper", "as a paper cut out", "cutout from paper"),
        *(
            "en papier découpé",
            "papier découpé",
            "papiers découpés",
            "en papiers découpés",
            "découpé dans du papier",
        ),
    ),
}
