"""Read the result of `vercel build`."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hosts.bare import Place, deployed, passable
from tests.vercel.cli import EXAMPLE
from tests.vercel.routes import Routes


@dataclass(frozen=True)
class Output:
    """Describe a copy of the project in which `vercel build` ran."""

    folder: Path

    @property
    def config(self) -> dict[str, Any]:
        """Return the configuration of the deployment."""
        config: dict[str, Any] = json.loads((self.folder / ".vercel" / "output" / "config.json").read_text())
        return config

    @property
    def routes(self) -> Routes:
        """Return the routes of the deployment."""
        return Routes.read(self.config)

    @property
    def web(self) -> Path:
        """Return the folder of the Next.js app."""
        return self.folder / EXAMPLE

    def pages(self) -> set[str]:
        """Return the paths of all pages, routes and files of the Next.js app, from the manifests of its build."""
        routes = json.loads((self.web / ".next" / "app-path-routes-manifest.json").read_text())
        static = self.folder / ".vercel" / "output" / "services" / "web" / "static"
        files = {f"/{path.relative_to(static).as_posix()}" for path in static.rglob("*") if path.is_file()}
        return set(routes.values()) | files

    @property
    def function(self) -> Path:
        """Return the folder of the API's function. There is one."""
        (folder,) = (self.folder / ".vercel" / "output" / "services" / "api" / "functions").glob("*.func")
        return folder

    @property
    def settings(self) -> dict[str, Any]:
        """Return the configuration of the API's function."""
        settings: dict[str, Any] = json.loads((self.function / ".vc-config.json").read_text())
        return settings

    def files(self) -> dict[str, Path]:
        """Return the files of the API's function with their places here."""
        own = {str(path.relative_to(self.function)): path for path in self.function.rglob("*") if path.is_file()}
        del own[".vc-config.json"]
        return own | {name: self.folder / source for name, source in self.settings["filePathMap"].items()}

    @contextmanager
    def uploaded(self) -> Iterator[Place]:
        """Copy the API's function to a host until the block ends."""
        with deployed(self.files()) as place:
            yield place

    @contextmanager
    def python(self, folder: Path) -> Iterator[str]:
        """Create an environment without packages, with the Python for which the function was built."""
        built_for = self.folder / ".vercel" / "python" / "services" / "api" / ".venv" / "bin" / "python"
        base = built_for.resolve()
        subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
        with passable(folder, base.parent.parent):
            yield str(folder / "bin" / "python")
