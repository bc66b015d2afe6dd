"""Test the filter `q`: words that the title, the description or one tag contains, without regard to case."""

# ruff: noqa: RUF001  # letters that look like others are what is tested

from collections.abc import Callable
from random import Random
from uuid import UUID, uuid4

import pytest

import crud.search
from tests.conftest import Person
from tests.expect import expect_invalid
from tests.model import SORTS, everything, found_by, listed, put, query_of, words_of
from tests.todos import Todo


class Searched:
    """A user with todos that are not changed, and the searches of them."""

    def __init__(self, me: Person, items: list[Todo]) -> None:
        put(me, [{"id": str(uuid4())} | item for item in items])
        self.me = me
        self.todos = everything(me)

    def search(self, q: str) -> list[Todo]:
        """Return what the API finds, after asserting that the model finds the same."""
        found = found_by(self.me.http, query_of({"q": q}, limit=500))
        wanted = listed(self.todos, {"q": q})
        names = [
            [ascii(todo["title"]) for todo in todos if todo not in other]
            for todos, other in ((found, wanted), (wanted, found))
        ]
        assert names == [[], []], f"q = {q!a}: found, and not found"
        assert found == wanted
        return found

    def titles(self, q: str) -> set[str]:
        """Return the titles of what the API finds."""
        return {todo["title"] for todo in self.search(q)}


# Every word, anywhere


@pytest.fixture(scope="module")
def few(people: Callable[[], Person]) -> Searched:
    """Create a user with todos whose texts are in different fields."""
    items: list[Todo] = [
        {"title": "title", "description": "buy milk"},
        {"title": "Buy bread", "description": "at the shop", "tags": ["Milk", "far away"]},
        {"title": "Buy", "description": "bread"},
        {"title": "ends with mi", "description": "lk begins"},
        {"title": "two tags", "tags": ["mi", "lk"]},
        {"title": "three tags", "tags": ["b", "uy", "mil", "k"]},
        {"title": "with milkshake", "description": ""},
        {"title": "two\nlines", "description": "a\nmi\nlk\tb\r\nmi\u2028lk\x1fx"},
        {"title": "buymilk"},
    ]
    return Searched(people(), items)


@pytest.mark.parametrize(
    ("q", "titles"),
    [
        ("milk", {"title", "Buy bread", "with milkshake", "buymilk"}),
        ("MILK", {"title", "Buy bread", "with milkshake", "buymilk"}),
        ("il", {"title", "Buy bread", "three tags", "with milkshake", "buymilk"}),
        ("buy milk", {"title", "Buy bread", "buymilk"}),
        ("milk buy", {"title", "Buy bread", "buymilk"}),
        ("milk milk buy", {"title", "Buy bread", "buymilk"}),
        ("bread buy", {"Buy bread", "Buy"}),
        ("bread shop milk away", {"Buy bread"}),
        ("faraway", set()),
        ("far away", {"Buy bread"}),
        ("milkbuy", set()),
        ("uymi", {"buymilk"}),
        ("titlebuy", set()),
        ("shopmilk", set()),
        ("nothing", set()),
        ("milk nothing", set()),
        ("two lines", {"two\nlines"}),
        ("lines two", {"two\nlines"}),
    ],
)
def test_every_word_is_in_a_field_or_a_tag(few: Searched, q: str, titles: set[str]) -> None:
    assert few.titles(q) == titles


SPACES = [chr(code) for code in range(0x110000) if chr(code).isspace()]


@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_words_end_at_every_white_space(few: Searched, space: str) -> None:
    assert few.titles(f"{space}buy{space}{space}milk{space}") == {"title", "Buy bread", "buymilk"}


@pytest.mark.parametrize("character", ["\u200b", "\ufeff", "\u2060", "\u180e", "-", ",", "+", "/"], ids=ascii)
def test_other_characters_are_part_of_a_word(few: Searched, character: str) -> None:
    assert few.titles(f"buy{character}milk") == set()


def test_a_search_finds_nothing_of_others_and_nothing_in_the_trash(owner: Person, stranger: Person) -> None:
    mine, theirs = owner.create("Milk"), stranger.create("Milk")
    trashed = owner.trash(owner.create("Milk", description="milk", tags=["milk"]))
    for me, todo in ((owner, mine), (stranger, theirs)):
        answer = me.http.get("/api/todos?q=milk")
        assert (answer.status_code, answer.json()) == (200, [todo])
    owner.http.post(f"/api/trash/{trashed['id']}/restore")
    assert {todo["id"] for todo in owner.http.get("/api/todos?q=milk").json()} == {mine["id"], trashed["id"]}


def test_a_search_finds_what_is_written_now(owner: Person) -> None:
    todo = owner.create("first", description="second", tags=["third"])
    path = f"/api/todos/{todo['id']}"
    owner.http.patch(path, json={"title": "fourth"})
    owner.http.patch(path, json={"description": None})
    owner.http.patch(path, json={"tags": ["Fifth"]})
    for q, number in {"first": 0, "second": 0, "third": 0, "FOURTH": 1, "fifth": 1, "null": 0, "none": 0}.items():
        assert len(owner.http.get(f"/api/todos?q={q}").json()) == number, q
    owner.http.put(path, json={"title": "sixth"})
    for q, number in {"fourth": 0, "fifth": 0, "sixth": 1, "{}": 0, ",": 0}.items():
        assert len(owner.http.get(f"/api/todos?q={q}").json()) == number, q


@pytest.mark.parametrize("sort", SORTS)
def test_a_search_has_every_sort(few: Searched, sort: str) -> None:
    assert found_by(few.me.http, f"q=buy&sort={sort}&limit=2") == listed(few.todos, {"q": "buy"}, sort)


# The case of other scripts

CASES: dict[str, tuple[str, str, bool]] = {
    "sigma": ("ΟΔΟΣ", "οδοσ", False),
    "sigma at the end": ("ΟΔΟΣ", "οδος", True),
    "sigma at the end in upper case": ("οδος", "ΟΔΟΣ", True),
    "sigma within": ("ΟΔΟΣΑ", "οδοσ", True),
    "sigma within a text, at the end of q": ("ΟΔΟΣΑ", "ΟΔΟΣ", False),
    "sigma alone": ("Σ", "σ", True),
    "sigma at the end before a point": ("ΟΔΟΣ.", "ΟΔΟΣ", True),
    "sigma at the end before an apostrophe": ("ΟΔΟΣ'", "ος'", True),
    "sigma before an apostrophe and a letter": ("ΟΔΟΣ'Α", "οσ'", True),
    "sigma after a digit": ("1Σ", "1σ", True),
    "sigma before an accent": ("ΟΔΟΣ\u0301", "ς\u0301", True),
    "sigma as written": ("οδοσ", "οδοσ", True),
    "dotted I": ("İstanbul", "i̇stanbul", True),
    "dotted I and i": ("İstanbul", "istanbul", False),
    "dotted I in q": ("istanbul", "İSTANBUL", False),
    "dotted I twice": ("İİ", "İİ", True),
    "dotless i": ("ısı", "ISI", False),
    "I": ("ISI", "isi", True),
    "sharp s": ("Straße", "STRASSE", False),
    "capital sharp s": ("STRAẞE", "straße", True),
    "capital sharp s in q": ("straße", "STRAẞE", True),
    "Kelvin sign": ("300 \u212a", "k", True),
    "Kelvin sign in q": ("k", "\u212a", True),
    "Angstrom sign": ("\u212b", "å", True),
    "Angstrom sign in q": ("Å", "\u212b", True),
    "Ohm sign": ("\u2126", "ω", True),
    "long s": ("ſ", "s", False),
    "micro sign": ("µ", "μ", False),
    "Cherokee": ("ᏣᎳᎩ", "ꮳꮃꭹ", True),
    "Cherokee in q": ("ꮳꮃꭹ", "ᏣᎳᎩ", True),
    "Cherokee with six small letters": ("Ᏸ", "ᏸ", True),
    "Georgian": ("ᲗᲑᲘᲚᲘᲡᲘ", "თბილისი", True),
    "Georgian in q": ("თბილისი", "ᲗᲑᲘᲚᲘᲡᲘ", True),
    "old Georgian": ("Ⴀ", "ⴀ", True),
    "Deseret": ("𐐔𐐇𐐝", "𐐼𐐯𐑅", True),
    "Deseret in q": ("𐐼𐐯𐑅", "𐐔𐐇𐐝", True),
    "Osage": ("𐒰", "𐓘", True),
    "Adlam": ("𞤀", "𞤢", True),
    "digraph": ("ǅ", "ǆ", True),
    "digraph in q": ("ǆ", "ǅ", True),
    "digraph in upper case": ("Ǆ", "ǅ", True),
    "Cyrillic": ("МОЛОКО", "молоко", True),
    "Cyrillic io": ("Ёлка", "елка", False),
    "old Cyrillic": ("Ꙋ", "\u1c88", False),
    "Armenian": ("ՀԱՅ", "հայ", True),
    "Armenian ligature": ("եւ", "և", False),
    "Armenian ligature in upper case": ("և", "ԵՒ", False),
    "ligature": ("ﬁn", "fin", False),
    "iota below": ("ᾼ", "ᾳ", True),
    "full width": ("ＭＩＬＫ", "ｍｉｌｋ", True),
    "full width and not": ("ＭＩＬＫ", "milk", False),
    "Roman numeral": ("Ⅷ", "ⅷ", True),
    "in a circle": ("Ⓐ", "ⓐ", True),
    "accent": ("Café", "cafe", False),
    "accent in q": ("Cafe", "café", False),
    "accent in upper case": ("Café", "CAFÉ", True),
    "composed": ("Café", "cafe\u0301", False),
    "decomposed": ("Cafe\u0301", "café", False),
    "decomposed in both": ("Cafe\u0301", "CAFE\u0301", True),
    "decomposed and without": ("Cafe\u0301", "cafe", True),
    "Vietnamese": ("ĐƯỜNG", "đường", True),
    "Chinese": ("明天去买牛奶", "牛奶", True),
    "Chinese in parts": ("明天去买牛奶", "牛奶 明天", True),
    "Chinese of one character": ("明天去买牛奶", "去", True),
    "Chinese in another order": ("明天去买牛奶", "奶牛", False),
    "Japanese": ("牛乳を買う", "買う", True),
    "Hiragana and Katakana": ("ミルク", "みるく", False),
    "Korean": ("우유를 사다", "우유", True),
    "Thai": ("ซื้อนม", "นม", True),
    "Arabic": ("اشتر الحليب", "حليب", True),
    "Hebrew": ("לקנות חלב", "חלב", True),
    "Hindi": ("दूध खरीदो", "दूध", True),
    "family": ("👩‍👩‍👧 at home", "👩‍👩‍👧", True),
    "a part of a family": ("👩‍👩‍👧 at home", "👧", True),
    "another family": ("👩‍👩‍👧 at home", "👩‍👧", True),
    "no family": ("👩‍👩‍👧 at home", "👩👧", False),
    "skin": ("👍🏽", "👍", True),
    "skin in q": ("👍", "👍🏽", False),
    "flag": ("🇫🇷", "🇫🇷", True),
    "the last character": ("x\U0010ffff", "\U0010ffff", True),
    "no character": ("\ufffe\uffff", "\uffff", True),
}


@pytest.fixture(scope="module")
def scripts(people: Callable[[], Person]) -> Searched:
    """Create a user with a todo for each text, whose title, description or tag it is."""
    texts = sorted({text for text, _, _ in CASES.values()})
    titles = [{"title": text} for text in texts]
    others = [{"title": f"0{number}", "description": text} for number, text in enumerate(texts)]
    tags = [{"title": f"00{number}", "tags": ["000", text]} for number, text in enumerate(texts)]
    return Searched(people(), [*titles, *others, *tags])


@pytest.mark.parametrize(("text", "q", "is_found"), CASES.values(), ids=CASES)
def test_case_is_that_of_pythons_lower(scripts: Searched, text: str, q: str, is_found: bool) -> None:
    assert all(word in text.lower() for word in words_of(q)) is is_found, "this is what Python does"
    found = scripts.search(q)
    for texts in (
        [todo["title"] for todo in found],
        [todo["description"] for todo in found],
        [tag for todo in found for tag in todo["tags"]],
    ):
        assert (text in texts) is is_found


# Characters that patterns and formats treat differently

LITERALS = [
    *"%_\\*.[](){}$^|?+'\"`~#&=;:<>@!,-/",
    *("%%", "__", "\\\\", "\\%", "\\_", "%_%", "\\", "\\'", "''", '"a"', "{a,b}", "$$", "$1", "[a-z]", "(a|b)", "^a$"),
    *(
        ".*",
        "a.c",
        "\\d",
        "\\m",
        "\\n",
        "\\x41",
        "\\u0041",
        "E'",
        "--",
        "/*",
        "%(q)s",
        "%s",
        ":q",
        "{0}",
        "<->",
        "!a",
        "a:*",
    ),
    *("&amp;", "%25", "+", "NULL", "\u0001", "\x7f", "\x1b", "\u200d", "\ufeff"),
]


@pytest.fixture(scope="module")
def literals(people: Callable[[], Person]) -> Searched:
    """Create a user with a todo for each literal, and todos that patterns would match."""
    others = ["abc", "a", "A", "1", "ac", "n", "m", "s", "null", "0", "q", "x41", "u0041", "amp", "25"]
    return Searched(people(), [{"title": f"a{text}b"} for text in [*LITERALS, *others]])


@pytest.mark.parametrize("text", [text for text in LITERALS if not text.isspace()], ids=ascii)
def test_no_character_is_a_pattern(literals: Searched, text: str) -> None:
    assert f"a{text}b" in literals.titles(text)
    assert f"a{text}b" in literals.titles(f"a{text}b")
    assert f"a{text}b" in literals.titles(f"A{text} {text}B a")
    assert literals.titles(f"{text}zz") == set()


# Long searches


@pytest.fixture(scope="module")
def long_texts(people: Callable[[], Person]) -> Searched:
    """Create a user with long texts."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    items: list[Todo] = [
        {"title": letters, "description": "x" * 2000},
        {"title": "𐐔" * 200, "description": "𐐔" * 2000, "tags": [f"{n:02}" + "𐐔" * 48 for n in range(20)]},
        {"title": "İ" * 200, "description": "İ" * 2000, "tags": [f"{n:02}" + "İ" * 48 for n in range(20)]},
        {"title": "Σ" * 200, "description": "ΑΣ " * 666, "tags": []},
        *({"title": letters[number % 26 :], "description": "more"} for number in range(1000)),
    ]
    return Searched(people(), items)


LONG: dict[str, tuple[str, int]] = {
    "a word of 1,000": ("X" * 1000, 1),
    "another word of 1,000": ("X" * 999 + "y", 0),
    "500 words": ("a b c d e " * 100, 1 + 39),
    "500 words in upper case": ("A B C D E " * 100, 1 + 39),
    "500 different words": (" ".join(chr(code) for code in range(0x4E00, 0x4E00 + 500)), 0),
    "500 words of which the last is missing": ("a " * 499 + "?", 0),
    "1,000 characters of four bytes": ("𐐼" * 1000, 1),
    "1,000 capitals of four bytes": ("𐐔" * 1000, 1),
    "1,000 dotted I": ("İ" * 1000, 1),
    "1,000 sigmas": ("Σ" * 1000, 0),
    "500 sigmas before an accent": ("σ\u0301" * 500, 0),
    "480 sigmas before a hyphen in 16 words": (" ".join(chr(0x4E00 + n) + "Σ-" * 30 for n in range(16)) + " " * 9, 0),
    "1,000 spaces": (" " * 1000, 1004),
    "spaces and a word": (" " * 500 + "xx" + " " * 498, 1),
}


@pytest.mark.parametrize(("q", "number"), LONG.values(), ids=LONG)
def test_a_search_has_at_most_1000_characters(long_texts: Searched, q: str, number: int) -> None:
    assert len(q) in (999, 1000)
    assert len(long_texts.search(q)) == number
    expect_invalid(long_texts.me.http.get("/api/todos", params={"q": q.ljust(1001, "y")}), ["query", "q"])


@pytest.mark.parametrize(("q", "_"), LONG.values(), ids=LONG)
def test_the_expression_of_a_search_is_bounded(q: str, _: int) -> None:
    # PostgreSQL took 8 s of CPU and 12 MB of memory for one of 12 MB, which 500 sigmas made.
    words = crud.search.words_of(q)
    assert not words or len(crud.search.pattern(words)) < 500_000


@pytest.mark.parametrize("q", ["x" * 999 + "y", "x" * 999, "σ\u0301" * 500], ids=["missing", "there", "sigmas"])
def test_a_search_for_a_long_word_is_answered(owner: Person, q: str) -> None:
    # Each of these texts took 2.6 ms, so 5,000 of them took longer than DB_TIMEOUT, and no page was answered.
    text = (q[:2] * 1000).upper()
    put(owner, [{"id": str(uuid4()), "title": "t", "description": text} for _ in range(200)])
    first = owner.http.get("/api/todos", params={"q": q, "limit": 500})
    assert first.status_code == 200
    assert "next" in first.links
    assert len(found_by(owner.http, query_of({"q": q}, limit=500))) == (0 if q.endswith("y") else 200)


@pytest.mark.parametrize("number", [1, 15, 16, 17, 100])
def test_a_sigma_is_the_same_among_many_words(owner: Person, number: int) -> None:
    words = [f"word{one:03}" for one in range(number)]
    description = " ".join(words)
    searched = Searched(
        owner, [{"title": text, "description": description} for text in ("ΟΔΟΣ", "ΟΔΟΣΑ", "οδοσ", "οδος")]
    )
    assert searched.titles(f"{description} ΟΔΟΣ") == {"ΟΔΟΣ", "οδος"}
    assert searched.titles(f"οδοσ {description}") == {"ΟΔΟΣΑ", "οδοσ"}


def test_the_longest_filters_fit_into_a_link(owner: Person) -> None:
    tags = [f"{number:02}" + "𐐼" * 48 for number in range(20)]
    todos = [owner.create("𐐔" * 200, description="𐐔" * 2000, tags=tags) for _ in range(2)]
    query = query_of({"q": "𐐼" * 1000, "tag": tags, "priority": ["none"], "completed": False}, limit=1)
    assert found_by(owner.http, query) == todos[::-1]


def test_a_search_with_nul_or_without_utf_8_is_422(owner: Person) -> None:
    for q in ("%00", "a%00", "%00%20a", "%20%00"):
        expect_invalid(owner.http.get(f"/api/todos?q={q}"), ["query", "q"])
    for q in ("%FF", "%C3", "%ED%A0%80", "%F8%88%80%80%80"):
        answer = owner.http.get(f"/api/todos?q={q}")
        assert answer.status_code in (200, 422)
        if answer.status_code == 422:
            expect_invalid(answer, ["query", "q"])


# Every character that has a case, in every form


def forms_of(character: str) -> set[str]:
    """Return a character in lower, upper and title case."""
    return {character.lower(), character.upper(), character.title()} - {character}


CASED = [
    character
    for code in range(0x110000)
    if not 0xD800 <= code < 0xE000 and forms_of(character := chr(code)) and not character.isspace()
]
NUMBER = 8
"""The number of characters of a word. A word of several characters asks about all of them at once."""


@pytest.fixture(scope="module")
def cased(people: Callable[[], Person]) -> Searched:
    """Create a user with all characters that have a case: in order, and shuffled between others."""
    random = Random(14)
    shuffled = random.sample(CASED, len(CASED))
    chunks = [CASED[first : first + NUMBER] for first in range(0, len(CASED), NUMBER)]
    mixed = [shuffled[first : first + NUMBER] for first in range(0, len(CASED), NUMBER)]
    between = ["", "", "'", ".", " ", "\u0301", "\u00ad", "1", "Σ", "ß", "中", "\u200d"]
    items: list[Todo] = [{"title": "(" + "".join(chunk) + ")"} for chunk in chunks]
    items += [
        {
            "title": f"mixed {number}",
            "description": "".join(one + random.choice(between) for one in chunk),
            "tags": sorted({random.choice(chunk) + random.choice(chunk), "Σ" + random.choice(chunk)}),
        }
        for number, chunk in enumerate(mixed)
    ]
    return Searched(people(), items)


def test_every_character_is_found_in_every_case(cased: Searched) -> None:
    for first in range(0, len(CASED), NUMBER):
        chunk = CASED[first : first + NUMBER]
        title = "(" + "".join(chunk) + ")"
        # A character is asked for in a form with the same lower case, of which it has one or two.
        same = [
            [form for form in (one.lower(), one.upper(), one.title(), one) if form.lower() == one.lower()]
            for one in chunk
        ]
        for words in {"".join(forms[0] for forms in same), "".join(forms[1 % len(forms)] for forms in same)}:
            if words.lower() in title.lower():  # a sigma may be at the end of q, and not of the title
                assert title in cased.titles(words)


def test_a_form_with_another_lower_case_is_not_found(cased: Searched) -> None:
    different = {form for one in CASED for form in forms_of(one) if form.lower() != one.lower()}
    assert len(different) > 100
    for form in sorted(different):
        cased.search(form)


def test_random_searches_find_what_the_model_finds(cased: Searched) -> None:
    random = Random(15)
    texts = [text for todo in cased.todos for text in (todo["title"], todo["description"] or "", *todo["tags"])]
    change: list[Callable[[str], str]] = [str.lower, str.upper, str.title, str.swapcase, str.casefold, str]
    met = 0
    for _ in range(250):
        words = []
        for text in random.sample(texts, random.choice([1, 1, 2])):
            first = random.randrange(len(text) or 1)
            words.append(random.choice(change)(text[first : first + random.randint(1, 4)]))
        met += bool(cased.search(" ".join(words)))
    assert met > 80


# Characters on which the case of their neighbours depends

ALPHABETS = {
    "sigma": "ΣΣσςΑα'.:\u0301\u00ad\u02b0\u0345ªͅ\u200d 1中𝐀ⓐ",
    "dotted I": "İİiIıＩ\u0307\u0307\u0301 j",
    "patterns": "\\\\AaBbUu041[]^-%_(?=.*)|$ ",
    "Latin and others": "aAßẞſsSKkK\u212aÅå\u212bµμΜǄǅǆﬁ ",
}


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS)
def test_random_texts_are_found_as_the_model_finds_them(owner: Person, alphabet: str) -> None:
    random = Random(alphabet)

    def text(most: int) -> str:
        return "".join(random.choices(alphabet, k=random.randint(1, most)))

    items = [
        {"title": f"!{text(8)}", "description": text(8), "tags": [f"{n}{text(4)}" for n in range(2)]}
        for _ in range(400)
    ]
    searched = Searched(owner, items)
    found = [len(searched.search(text(3) if number % 2 else f"{text(2)} {text(2)}")) for number in range(100)]
    assert sum(map(bool, found)) > 25
    assert len(set(found)) > 10


CHARACTERS = [
    character for code in range(0x110000) if not 0xD800 <= code < 0xE000 and not (character := chr(code)).isspace()
]
DECIDES = [
    one for one in CHARACTERS if one > "\0" and (f"{one}Σ".lower().endswith("ς") or f"Α{one}Σ".lower().endswith("ς"))
]


def test_every_character_decides_about_sigmas_as_in_python(people: Callable[[], Person]) -> None:
    assert len(DECIDES) > 5_000
    contexts = [f"({one}Σ)(Α{one}Σ)(ΑΣ{one})(ΑΣ{one}Α)" for one in [*DECIDES, *Random(14).sample(CHARACTERS, 600)]]
    per_todo = 2000 // 20
    texts = ["".join(contexts[first : first + per_todo]) for first in range(0, len(contexts), per_todo)]
    searched = Searched(people(), [{"title": str(number), "description": text} for number, text in enumerate(texts)])
    for number, text in enumerate(texts):
        words = [f"({word}" for word in text.lower().split("(") if word]
        for first in range(0, len(words), 120):
            q = " ".join(words[first : first + 120])
            assert q.lower() == q
            assert str(number) in searched.titles(q), ascii(q)


def test_ids_and_other_fields_are_not_searched(owner: Person) -> None:
    todo = owner.create("a todo", priority="high", due="2026-11-24")
    assert UUID(todo["id"])
    for q in (todo["id"], owner.id, "high", "2026-11-24", "false", todo["created_at"][:10]):
        answer = owner.http.get("/api/todos", params={"q": q})
        assert (answer.status_code, answer.json()) == (200, []), q
