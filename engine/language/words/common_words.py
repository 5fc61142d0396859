"""Words that ask for nothing to be seen: connecting words, words addressed to the machine, praise.

English and French. Data alone; `content` reads prompts by them.
"""


def words(text: str) -> frozenset[str]:
    """The words of a text, which blanks part."""
    return frozenset(text.split())


_GRAMMAR = words(
    """
    a an the this that these those it its it's he she they them their there here where which who whose what
    and or with of to for from by as at in on into onto is are be being been was were am do does did has
    have having had i i'd i'm i'll we you he'll me my your our us so then also too just very really quite
    some any each both all other another than while when if let's let can could would should may might will
    shall must please want wants wanted like need show shows showing shown draw draws drawing drawn paint
    painted make makes making made generate create give gives see sees get put add featuring depicting
    containing picture pictures image images illustration illustrations scene scenes view artwork pic
    painting one's own such thank thanks thx hi hello hey ok okay but because since though although while
    his her hers theirs pls plz dear beside besides next near nearby together along side alongside thing
    things colour color coloured colored colours colors style styled un une des le la les l d j m n t du de
    au aux à a en dans sur par pour avec et ou où qui que qu il elle ils elles ce cet cette ces c son sa ses
    leur leurs mon ma mes ton ta tes notre nos votre vos est sont être était j je tu nous vous on y se s ne
    si plus très tout toute tous toutes aussi puis comme voici voilà image dessin dessine dessinez dessinée
    illustration scène tableau peinture peins fais fait faites montre montrez moi veux voudrais mais car
    parce bonjour bonsoir salut plaît plait svp merci côté près ensemble couleur w hes shes theyre yo look
    looks looking imagining there's here's that's who's what's they're i've you've we're u ur love wondering
    possible appreciate looking imagine render said only juste seulement favourite favorite either
     background backdrop peux peut faire dessiner pourriez pouvez pourrais avoir aimerais aime
    """
)

_FILLERS = words(
    """
    actually again already alright anyway absolutely always almost basically btw bro bruh clearly certainly
    definitely done easily especially essentially even ever exactly fine frankly fyi generally gonna gotta
    got haha helpful honestly hopefully hmm ideally idk imho indeed instead its itself himself herself
    themselves myself yourself jk kinda kindly literally lol lot lots mainly maybe merely most mostly must
    my normally now obviously often ok omg only otherwise ought perhaps please possibly precisely preferably
    pretty probably quick quickly quite rather really regards shall simply so somehow sometimes soon sure
    surely tbh teh tell thats totally ty tysm tho though usually wanna way whatever whatsoever why wow yeah
    yep yes yet yo y'all ya asap rn fr ngl pls accordingly afterwards also altogether apparently hereby thus
    therefore hence whenever wherever etc eg ie plus specifically namely respectively alors ainsi après
    assez avance avant beaucoup bien bref ça cela celui celle coucou donc dont encore enfin ensuite faut
    genre gentiment grâce hein juste là maintenant même mdr merci moins ouais parfois peu plutôt possible
    pourquoi presque ptit quand quelque quelqu sinon souvent stp super sûr surtout tellement tiens toujours
    trop très vite voila vraiment svp um uh erm sorry oops nope te autre autres ces wsh wesh vous-même s'il
    requirement depict depicts keep today
    """
)
"""What people say in passing."""

FUNCTION_WORDS: frozenset[str] = _GRAMMAR | _FILLERS

QUALITY_PHRASES: frozenset[str] = frozenset(
    " ".join(line.split())
    for line in """
    masterpiece
    master piece
    best quality
    high quality
    highest quality
    top quality
    good quality
    great quality
    amazing quality
    ultra quality
    quality
    high resolution
    high res
    highres
    absurdres
    hi res
    super resolution
    resolution
    hd
    full hd
    ultra hd
    uhd
    hdr
    4k
    8k
    16k
    2k
    1080p
    4k uhd
    highly detailed
    high detail
    high details
    very detailed
    ultra detailed
    super detailed
    extremely detailed
    insanely detailed
    hyper detailed
    finely detailed
    intricately detailed
    detailed
    details
    detail
    intricate
    intricate details
    sharp focus
    in focus
    professional
    professionally
    award winning
    trending on artstation
    trending
    artstation
    artstation hq
    deviantart
    unreal engine
    unreal engine 5
    octane render
    hq
    cgsociety
    pixiv
    wallpaper
    stunning
    beautiful
    beautifully
    gorgeous
    pretty
    lovely
    nice
    nicely
    cute
    adorable
    amazing
    awesome
    wonderful
    fantastic
    perfect
    perfectly
    excellent
    exquisite
    great
    good
    best
    incredible
    impressive
    aesthetic
    very aesthetic
    elegant
    charming
    magnificent
    splendid
    breathtaking
    eye catching
    visually appealing
    well drawn
    well composed
    good composition
    flawless
    simple
    really nice
    super
    ultra
    extremely
    highly
    hyper
    good morning
    good evening
    good afternoon
    good day
    so much
    very much
    so kind
    be so kind
    dear computer
    dear friend
    in sharp focus
    once upon a time
    plain background
    on a plain background
    l un à côté de l autre
    today please
    in a row
    side by side
    next to each other
    one after the other
    côte à côte
    à côté de
    en rang
    d avance
    it has to be
    right away
    by the way
    as soon as possible
    no thanks
    i can't draw
    i cannot draw
    can't draw
    don't forget
    do not forget
    n oubliez pas
    n oublie pas
    why not
    can't wait
    can't wait to see
    don't mind
    don't care
    i don't care
    not only
    not just
    nothing fancy
    no problem
    no worries
    no rush
    never mind
    score 9
    score 8 up
    score 7 up
    chef d œuvre
    chef d oeuvre
    haute qualité
    meilleure qualité
    très détaillé
    très détaillée
    détaillé
    détaillée
    haute résolution
    magnifique
    beau
    belle
    bel
    beaux
    belles
    joli
    jolie
    jolis
    jolies
    mignon
    mignonne
    superbe
    """.splitlines()
    if line.strip()
)
"""How good a picture is to be, and not what it shows, and what is said to whom; hyphens written as blanks."""

NEGATIONS: frozenset[str] = words(
    """
    no not without never none nothing neither nor minus except excluding avoid avoiding remove don't dont
    doesn't isn't aren't won't can't cannot nobody zero lacking lacks omit omits skip hate hates hasn't
    haven't hadn't didn't wasn't weren't couldn't wouldn't shouldn't non évite évitez sans pas aucun aucune
    jamais ni rien excepté sauf
    """
)
"""What follows one of these, to the end of its phrase, is not to be seen."""

NEGATION_PHRASES: frozenset[tuple[str, ...]] = frozenset(
    tuple(phrase.split())
    for phrase in (
        *("free of", "leave out", "leaving out", "anything but", "instead of", "rather than", "other than"),
        *("au lieu de", "au lieu du", "au lieu d", "plutôt que", "plutôt qu", "à part"),
    )
)
