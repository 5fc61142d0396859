"""Words of grammar that show the reader of wishes what belongs to what. English and French."""

from .common_words import words

DEFINITE = words("the this that these those it its le la les l ce cette il elle")
ANOTHER = words("a an another one other second third un une autre")
OTHERS = ANOTHER - words("a an one un une")
VERBS_FOLLOW = words(
    "that which who is are was were be being i you he she it we they qui est sont je tu il elle"
)
"""Function words behind which an unknown word is no noun."""
PRONOUNS = words("it them him her")
EVERYTHING = words("both all each everything deux tous toutes")
WITHIN = words("within before after in on into onto at dans sur like as being")
"""Function words that say how one thing stands to another where a noun follows."""
OF_ANOTHER = words("of for from to")
"""Words that do so between two nouns."""
WHICH = words("which whom lequel laquelle")
JOINS = words("and with et avec und mit y con e com 和 与 と और")
ONE = words("einen einem eines")
"""Articles of one thing before words that are several behind others: 'einen Löwen'."""
SAID_TO_BE = words("is are in")
"""Before a colour that is one of a thing named before: 'that is chestnut'."""
AND = words("and et und y e 和 与 と और")
LEADS = words("under beneath deep among when while during amid sous")
"""What leads to a setting, beside function words."""
