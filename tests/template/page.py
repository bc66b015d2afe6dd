"""Read the commands and the code of a page of `docs/`, also those inside of lists."""

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_TESTED = re.compile(r"\s+# ✓.*")


@dataclass(frozen=True)
class Block:
    """A block of code: its language, the file that its first line names, and the lines after that."""

    language: str
    file: str
    text: str


def section(page: Path, heading: str) -> str:
    """Return the text below a heading, until the next heading of level 2."""
    (text,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page.read_text(), re.MULTILINE | re.DOTALL)
    return str(text)


def blocks(text: str) -> list[Block]:
    """Return the blocks of code of a text."""
    found = []
    for indent, language, body in _FENCE.findall(text):
        code = dedent(re.sub(rf"^{indent}", "", body, flags=re.MULTILINE))
        named = re.match(r"(?:#|--) ([\w./-]+\.\w+)\n", code)
        found.append(Block(language, named[1] if named else "", code[named.end() :] if named else code))
    return found


def commands(block: Block) -> list[str]:
    """Return the commands of a block, with the lines that continue them and without comments."""
    lines = block.text.replace("\\\n", "")
    return [_TESTED.sub("", line) for line in re.findall(r"^\$ (.*)$", lines, re.MULTILINE)]


def marked(page: Path) -> list[str]:
    """Return the commands of a page with the mark ✓, which promises that a test runs them."""
    lines = [line for block in blocks(page.read_text()) for line in block.text.replace("\\\n", "").splitlines()]
    return [_TESTED.sub("", line.removeprefix("$ ")) for line in lines if _TESTED.search(line)]
