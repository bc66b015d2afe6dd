"""Apply the routes of a build output to a path, as Vercel's proxy does.

This covers what vercel.json of this project needs: the phase of the file system without files, and routes
with a regular expression `src` and a service. The first route that matches decides. A route with anything
else, for example a condition or a status, is refused, so that no test relies on a wrong result.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True)
class Routes:
    """Hold the routes of a build output."""

    routes: tuple[tuple[str, str], ...]
    """The regular expressions with their services, in order."""

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> "Routes":
        """Read `config.json` of a build output."""
        first, *rest = config["routes"]
        assert first == {"handle": "filesystem"}
        found = []
        for route in rest:
            assert set(route) == {"src", "destination"}, route
            destination = route["destination"]
            assert destination == {"type": "service", "service": destination["service"]}
            found.append((route["src"], destination["service"]))
        return cls(tuple(found))

    def service(self, path: str) -> str:
        """Return the service of a path. No form of the path that Vercel may use leads to another one.

        Vercel does not document whether the expressions see `%2F` or `/`, and whether they ignore case.
        """
        found = {service for form in (path, unquote(path)) for service in self.services(form)}
        assert len(found) == 1, f"{path} goes to {found}"
        return found.pop()

    def services(self, path: str) -> set[str]:
        """Return the services that may get exactly this path, with and without regard to case."""
        return {self._first(path, flags) for flags in (re.NOFLAG, re.IGNORECASE)}

    def _first(self, path: str, flags: re.RegexFlag) -> str:
        # The expressions are those of JavaScript. In these constructs they are the same in Python.
        return next(service for src, service in self.routes if re.search(src, path, flags | re.ASCII))


def filled(paths: Iterable[str]) -> list[str]:
    """Return the paths of an OpenAPI document with values for their parameters, also with difficult ones."""
    values = ("7c1a6f1e-6d0b-4f9c-8f0e-1d2c3b4a5968", "a%2Fb", "auth%2Fok", "auth", "..%2Fauth", "%E2%98%95", "a.b")
    return sorted({re.sub(r"\{[^}]+\}", value, path) for path in paths for value in values})
