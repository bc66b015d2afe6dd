"""The page /docs: Swagger UI, served from a package, so that it works without the internet."""

import gzip
from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from importlib.util import find_spec
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from errors import NotFound
from middleware.compress import accepts_gzip
from routers.routing import public_router

router = public_router(include_in_schema=False)

_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon-32x32.png": "image/png"}

# The addresses are relative, so the page works below a prefix of a proxy, too.
_SCRIPT = """SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true})"""
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TITLE</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script>{_SCRIPT}</script>
</body>
</html>
"""
_HASH = b64encode(sha256(_SCRIPT.encode()).digest()).decode()
# Swagger UI sets styles in elements, and has its icons as data: URLs.
_POLICY = (
    f"default-src 'none'; script-src 'self' 'sha256-{_HASH}'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@router.get("/docs")
async def get_docs(request: Request) -> HTMLResponse:
    """Return the page."""
    page = _PAGE.replace("TITLE", escape(request.app.title))
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/{name}")
def get_docs_file(request: Request, name: str) -> Response:
    """Return a file of Swagger UI (Apache-2.0)."""
    if name not in _FILES:
        raise NotFound("File")
    headers = {"Cache-Control": "public, max-age=86400"}
    content, compressed = _read(name)
    if compressed and accepts_gzip(request.scope):
        content, headers = compressed, {**headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(content, media_type=_FILES[name], headers=headers)


@cache
def _read(name: str) -> tuple[bytes, bytes | None]:
    """Return a file as it is, and compressed; `None` for a picture, which would become larger."""
    # The package is not imported, because only its files are of use here.
    spec = find_spec("fastapi_swagger")
    (folder,) = (spec and spec.submodule_search_locations) or [""]
    content = (Path(folder) / "resources" / name).read_bytes()
    return content, None if name.endswith(".png") else gzip.compress(content, mtime=0)
