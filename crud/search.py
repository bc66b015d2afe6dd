"""Search: a regular expression of PostgreSQL that matches what Python's `str.lower` makes equal.

PostgreSQL's `lower()` and `ILIKE` depend on the collation of the database: with C they know ASCII alone.
A regular expression that lists all cases of each letter is the same in every database.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import count

_SIGMA = "\u03c3"
_DOT = "\u0307"  # "İ".lower() is "i" with this dot. No other letter becomes two.
# Letters that are not the upper case of their lower case. A test compares them with all of Unicode.
_FURTHER = {"k": "\u212a", "å": "\u212b", "ω": "\u2126", "ß": "ẞ", "θ": "ϴ"}  # Kelvin, Ångström, Ohm
_MAX_EXACT = 16
"""The sigmas at ends of words that are exact. The expression of each of them has 24 KB."""

_CHARACTERS = (range(0xD800), range(0xE000, 0x20000), range(0xE0000, 0xE0200))
"""The parts of Unicode with letters that have cases, and with marks."""


def words_of(q: str) -> list[str]:
    """Return the words that a text has to contain, without those that are parts of others, the longest first."""
    words = set(q.lower().split())
    needed = (word for word in words if not any(word in other for other in words if other != word))
    return sorted(needed, key=lambda word: (-len(word), word))


def effort(words: Iterable[str]) -> int:
    """Return how many short words take about as long to look for, in the texts that take longest.

    Texts of the letters of a long word make PostgreSQL build a state for each of them, from all of them,
    again for each text.
    """
    words = list(words)
    exact = sum(_is_final(word, place) for word in words for place in range(len(word)))
    return len(words) + sum(len(word) ** 2 for word in words) // 1000 + 10 * min(exact, _MAX_EXACT)


def pattern(words: Iterable[str]) -> str:
    """Return the regular expression of a text that contains all words, as parts, in upper or lower case."""
    final_sigmas = count()  # of all words together, because one word may have 500
    first, *rest = (_expression(word, final_sigmas) for word in words)
    return f"^(?=.*{first})" + "".join(f"(?=.*{one})" for one in rest) if rest else first


def _expression(word: str, final_sigmas: Iterator[int]) -> str:
    letters = word.replace(f"i{_DOT}", "İ")
    expressions = [_letter(letter, letters[place + 1 :], final_sigmas) for place, letter in enumerate(letters)]
    # A word may begin or end within the two letters of "İ".
    if letters.startswith(_DOT):
        expressions[0] = f"[{_DOT}İ]"
    if letters.endswith("i"):
        expressions[-1] = "[iIİ]"
    return "".join(expressions)


def _is_final(word: str, place: int) -> bool:
    """Return whether there is a sigma which no letter follows."""
    return word[place] in (_SIGMA, "ς") and not (word[place + 1 :] and _is_letter(word[place + 1]))


def _letter(letter: str, rest: str, final_sigmas: Iterator[int]) -> str:
    if letter == "İ":
        return f"(?:[iI]{_DOT}|İ)"
    if letter in (_SIGMA, "ς"):  # both are the lower case of "Σ", the second one at the end of a word
        if rest and _is_letter(rest[0]):
            return f"[{letter}Σ]" if letter == _SIGMA else letter
        if next(final_sigmas) >= _MAX_EXACT:
            return f"[{letter}Σ]"
        before, after = _around_final_sigma()
        return f"(?:{letter}|{f'(?<={before})Σ(?!{after})' if letter == 'ς' else f'(?<!{before})Σ|Σ(?={after})'})"
    others = {letter, letter.upper(), letter.title(), _FURTHER.get(letter, letter)}
    return _class(other for other in others if len(other) == 1 and other.lower() == letter)


@cache
def _around_final_sigma() -> tuple[str, str]:
    """Return what is before a "Σ" whose lower case is "ς", and what is not after it (Unicode, table 3-17).

    A letter is before it, and none after it. Marks between them do not count.
    """
    characters = [character for part in _CHARACTERS for character in map(chr, part)]
    letters = _class(filter(_is_letter, characters))
    marks = _class(one for one in characters if f"a{one}Σ".lower()[-1] == "ς" and not _is_letter(one))
    return f"{letters}{marks}*", f"{marks}*{letters}"


def _is_letter(character: str) -> bool:
    """Return whether a character has a case, for a "Σ" that follows it."""
    return f"{character}Σ".lower()[-1] == "ς"


def _class(characters: Iterable[str]) -> str:
    """Return the expression of one of these characters, which are written as ranges of numbers."""
    ranges: list[list[int]] = []
    for number in sorted(map(ord, characters)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return "[" + "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges) + "]"
