"""Print results as Markdown, and write them between markers into a document."""

import platform
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.servers import ROOT, Problem

_BENCHMARKS = ROOT / "docs" / "benchmarks.md"
_PACKAGES = ("fastapi", "sqlmodel", "sqlalchemy", "psycopg2-binary", "pyjwt", "uvicorn")
_LOAD_BEFORE = psutil.getloadavg()[0]


def target(value: float, limit: float, unit: str = "") -> str:
    """Return the limit of a value, and whether it is met."""
    return f"≤ {limit:.3g}{unit} {'met' if value <= limit else '**missed**'}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are aligned as text, too."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    text.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in text)


def write(
    name: str,
    title: str,
    parts: Sequence[str],
    options: Namespace,
    *,
    versions: Mapping[str, str] | None = None,
    document: Path = _BENCHMARKS,
) -> None:
    """Print a section, and replace the section of that name in the document.

    Args:
        name: the name of the benchmark and of its markers.
        title: the heading of the section.
        parts: its paragraphs and tables.
        options: the options of the command.
        versions: the versions of the peers' packages.
        document: the document, which has the markers.

    Raises:
        Problem: the document has no such section.
    """
    text = "\n\n".join([f"## {title}", _circumstances(versions or {}), *parts])
    print(f"\n{text}\n")
    if options.dry_run:
        return
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    section = f"{start}\n{text}\n{end}"
    # The replacement is a function, because re.sub() interprets backslashes in a text.
    written, replaced = re.subn(f"{start}.*{end}", lambda _: section, document.read_text(), flags=re.DOTALL)
    if not replaced:
        raise Problem(f"{document.relative_to(ROOT)} has no markers of {name}.")
    document.write_text(written)
    print(f"The section was written to {document.relative_to(ROOT)}.")


def _circumstances(versions: Mapping[str, str]) -> str:
    """Return the time, the machine, its load before the benchmark, and the versions."""
    used = {"Python": platform.python_version(), **{name: version(name) for name in _PACKAGES}, **versions}
    machine = f"{_cpu()}, {psutil.cpu_count()} cores, {platform.system()} {platform.machine()}"
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load before {_LOAD_BEFORE:.1f}"
    return f"{now}; {machine}; {', '.join(f'{name} {number}' for name, number in used.items())}."


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    models = re.findall(r"^model name\s*: (.+)$", information.read_text(), re.MULTILINE) if information.exists() else []
    return models[0] if models else platform.processor() or "unknown CPU"
