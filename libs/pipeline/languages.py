"""Which language a text is in: by its script, and for Latin letters by the commonest words.

Pure and cheap (some 0.1 ms for a chunk), so a chunk that is analysed again comes out the same, and
nothing is downloaded. It needs a sentence or two of prose. Of a list of names it says None: unknown
is a better answer than a guess, since a wrong stemmer makes words unfindable.
"""

from collections import Counter

import regex

TEXT_CHARS_MAX = 2_000  # beyond, a text says nothing new about its language
HITS_MIN = 2  # one common word may be a name or a word of another language
SCRIPT_SHARE_MIN = 0.5  # of the letters; a foreign word or formula changes no language

LETTER = regex.compile(r"\p{L}")
WORD = regex.compile(r"[\p{L}\p{M}]+(?:['’][\p{L}]+)?")

SCRIPTS = {
    name: regex.compile(rf"[{classes}]")
    for name, classes in {
        "latin": r"\p{Script=Latin}",
        "cyrillic": r"\p{Script=Cyrillic}",
        "arabic": r"\p{Script=Arabic}",
        "devanagari": r"\p{Script=Devanagari}",
        "kana": r"\p{Script=Hiragana}\p{Script=Katakana}ー",
        "han": r"\p{Script=Han}\p{Script=Bopomofo}",
        "ko": r"\p{Script=Hangul}",
        "el": r"\p{Script=Greek}",
        "he": r"\p{Script=Hebrew}",
        "hy": r"\p{Script=Armenian}",
        "ka": r"\p{Script=Georgian}",
        "am": r"\p{Script=Ethiopic}",
        "th": r"\p{Script=Thai}",
        "lo": r"\p{Script=Lao}",
        "km": r"\p{Script=Khmer}",
        "my": r"\p{Script=Myanmar}",
        "bn": r"\p{Script=Bengali}",
        "pa": r"\p{Script=Gurmukhi}",
        "gu": r"\p{Script=Gujarati}",
        "ta": r"\p{Script=Tamil}",
        "te": r"\p{Script=Telugu}",
        "kn": r"\p{Script=Kannada}",
        "ml": r"\p{Script=Malayalam}",
        "si": r"\p{Script=Sinhala}",
    }.items()
}
KANA_SHARE_MIN = 0.1  # of Japanese prose about half of the letters are kana

# The commonest words of each language; one that two languages share counts for both.
COMMON_WORDS = {
    "en": "a the of and to in is was for that it with as on by at from are this an be which or "
    "what were not has have had its who how when where did does why can between their they you we "
    "many been but he she his her into more than there these those would",
    "de": "der die das und ist in den von zu mit sich auf für im dem nicht ein eine als auch es an "
    "werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum "
    "war haben nur oder aber vor zur bis mehr durch man sein wurde wer was wann welche welcher "
    "welches viele warum wo wir ihr kann",
    "fr": "le la les de des du et en un une est que qui dans pour pas par sur au aux avec ce se il "
    "elle sont plus ne son ont été cette comme mais ou où nous vous quel quelle quels quelles "
    "combien quand comment pourquoi était leur ses ces d'une d'un",
    "es": "el la los las de del y en un una que es se por con para su al lo como más no fue son o "
    "este esta entre pero sus ha sobre también era qué cuál cuáles cuántos cuántas cuándo dónde "
    "quién cómo fueron ser tiene hay le",
    "pt": "o os as de do da dos das e em um uma que é não se por com para no na nos nas ao à mais "
    "como foi são mas ou seu sua pelo pela também quando qual quais quem quantos quantas onde "
    "entre ser tem foram este esta",
    "it": "il lo la i gli le di del della dei delle e in un una che è non si per con da dal nel "
    "nella al alla come più sono ma anche o su suo sua questo questa quale quali quanti quante "
    "quando dove chi perché stato essere era fu",
    "nl": "de het een en van in is op te dat die met voor niet zijn aan er om ook als bij door uit "
    "naar maar of dan nog wordt werd was hebben heeft deze worden over wat wie waar hoe hoeveel "
    "welke wanneer waarom",
    "sv": "och att det som en på är av för med den till inte har de ett om han var jag från men "
    "så ut när eller efter vid kan under vad vilken vilket vilka hur många också blev sig",
    "da": "og at det som en på er af for med den til ikke har de et om han var jeg fra men så når "
    "eller efter ved kan under hvad hvilken hvilket hvilke hvor mange også blev sig blive",
    "no": "og at det som en på er av for med den til ikke har de et om han var jeg fra men så når "
    "eller etter ved kan under hva hvilken hvilket hvilke hvor mange også ble seg bli",
    "fi": "ja on ei että se oli hän mutta kun ovat myös joka jossa tai sen kuin niin mikä mitä "
    "kuka missä milloin kuinka monta ole olla hänen vain sekä joita jotka ollut voi",
    "pl": "i w na z się nie do jest to że o jak ale po co od za przez dla był była było są który "
    "która które jego tym ma ze czy kto kiedy gdzie ile jaki jaka jakie oraz może być ich",
    "cs": "a se na v je že s z do to o i pro ve za by jako byl byla bylo které který která od po "
    "jsou ale také při nebo jeho co kdo kdy kde kolik jak jaký jaká jaké není může být tak",
    "ro": "și în de la a cu pe un o nu este care din se să mai pentru ce prin dar sau sunt fost "
    "au al ale lui cum când unde cine câți câte fi are era după între această acest",
    "hu": "a az és hogy nem is egy volt meg ez mint csak de van már még vagy el azt ki mi mit hol "
    "mikor hány milyen melyik amely akkor lehet ha ezt után által között kell",
    "tr": "ve bir bu da de için ile ne olarak daha çok olan en gibi var kadar sonra ise değil o "
    "hangi kim nerede kaç nasıl neden mi oldu tarafından her ya veya göre ancak",
    "id": "dan yang di itu dengan untuk tidak dari dalam pada ini adalah ke oleh akan juga atau "
    "ada mereka telah karena sebagai apa siapa kapan bagaimana berapa mana sebuah dapat lebih",
    "ca": "el la els les de del i en un una que és per amb no al a com més va ser són o però seu "
    "seva aquest aquesta entre també quin quina quins quan on qui quants què dels",
    "lt": "ir yra kad į ne su iš tai buvo kaip bet jis apie dėl nuo po taip ar kas kada kur kiek "
    "per už jo jos gali būti arba šis buvę",
    "vi": "và của là có trong được cho một các không với những người này đã khi để từ như ở nào "
    "gì ai bao nhiêu đâu tại sao về đến vào cũng",
    "et": "ja on ei et see oli ta aga kui ka mis kes kus või seda oma ning mida millal kuidas "
    "palju olid ole pole nende selle",
    "hr": "i u je se na da su za od s koji koja koje ili ali kao što iz bio bila nije te po kada "
    "gdje tko koliko kako može biti njegov sve prema",
    "sk": "a sa na v je že s z do to o aj pre vo za by ako bol bola bolo ktoré ktorý ktorá od po "
    "sú ale tiež pri alebo jeho čo kto kedy kde koľko ako aký nie môže byť tak",
}
CYRILLIC_WORDS = {
    "ru": "и в не на что с по как это из у за от был была было были для его он она они к о же но "
    "или когда где кто сколько какой какая какие чем также",
    "uk": "і в не на що з як це із у за від був була було були для його він вона вони до о та але "
    "або коли де хто скільки який яка які чим також",
    "bg": "и в не на че с по как това от за е са беше да се ще той тя те до към но или кога къде "
    "кой колко какъв каква също",
    "sr": "и у не на да је се су за од са као што из био била или али када где ко колико какав "
    "такође који која које",
}
ARABIC_WORDS = {
    "ar": "في من على أن إلى التي الذي عن هذا هذه كان كانت مع ما هو هي لا أو بين كم متى أين ماذا",
    "fa": "و در به از که این است را با برای آن یک شد بود تا بر چه کجا چند چگونه می",
    "ur": "کے کی میں ہے اور سے کا کو نے پر یہ ہیں تھا کہ جو اس کیا کب کہاں کتنے",
}
DEVANAGARI_WORDS = {
    "hi": "के का की में है और से को ने पर यह हैं था कि जो इस क्या कब कहाँ कितने",
    "mr": "आहे आणि या च्या मध्ये होते हे ते तर की व काय कधी कुठे किती",
    "ne": "को र मा छ यो हो का लाई भने पनि गरेको थियो के कहिले कहाँ कति",
}


def _words(lists: dict[str, str]) -> dict[str, tuple[str, ...]]:
    languages: dict[str, list[str]] = {}
    for language, words in lists.items():
        for word in words.split():
            languages.setdefault(word, []).append(language)
    return {word: tuple(found) for word, found in languages.items()}


COMMON = {
    language: frozenset(words.split())
    for lists in (COMMON_WORDS, CYRILLIC_WORDS, ARABIC_WORDS, DEVANAGARI_WORDS)
    for language, words in lists.items()
}
# Script: the words that tell its languages apart, and what it is where they do not.
BY_WORDS: dict[str, tuple[dict[str, tuple[str, ...]], str | None]] = {
    "latin": (_words(COMMON_WORDS), None),
    "cyrillic": (_words(CYRILLIC_WORDS), "ru"),
    "arabic": (_words(ARABIC_WORDS), "ar"),
    "devanagari": (_words(DEVANAGARI_WORDS), "hi"),
}


def common_words(language: str | None) -> frozenset[str]:
    """The words that a sentence of this language has whatever it says; none if it is not known."""
    return COMMON.get(language or "", frozenset())


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of the language of most of the text; None if that cannot be told."""
    text = text[:TEXT_CHARS_MAX].casefold()
    script = _script(text)
    if script is None or script not in BY_WORDS:
        return script
    languages, otherwise = BY_WORDS[script]
    hits: Counter[str] = Counter()
    for word in WORD.findall(text):
        hits.update(languages.get(word.replace("’", "'"), ()))
    ranked = hits.most_common(2)
    if not ranked or ranked[0][1] < HITS_MIN:
        return otherwise
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        return otherwise
    return ranked[0][0]


def _script(text: str) -> str | None:
    """The script of most letters, or the language where the script has but one."""
    letters = len(LETTER.findall(text))
    if letters == 0:
        return None
    needed = SCRIPT_SHARE_MIN * letters
    if len(SCRIPTS["latin"].findall(text)) >= needed:
        return "latin"
    kana = len(SCRIPTS["kana"].findall(text))
    if kana + len(SCRIPTS["han"].findall(text)) >= needed:
        return "ja" if kana >= KANA_SHARE_MIN * letters else "zh"
    others = (name for name, letter in SCRIPTS.items() if len(letter.findall(text)) >= needed)
    return next(others, None)
