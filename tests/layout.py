"""Find the Python files of the app, also those that a copy of this project adds."""

from pathlib import Path

from tests.live import ROOT

NOT_THE_APP = {"benchmarks", "dev", "docs", "examples", "tests"}
"""List the top-level folders whose Python files are not deployed."""


def app_modules(root: Path = ROOT) -> set[str]:
    """Return the names of the app's top-level modules and packages."""
    modules = {path.stem for path in root.glob("*.py")}
    packages = {path.parent.name for path in root.glob("*/*.py")}
    return {name for name in modules | packages if not name.startswith(".")} - NOT_THE_APP


def app_files(root: Path = ROOT) -> list[Path]:
    """Return all Python files of the app, relative to `root`."""
    found = (path for name in app_modules(root) for path in [root / f"{name}.py", *root.glob(f"{name}/**/*.py")])
    return sorted(path.relative_to(root) for path in found if path.is_file())
