"""Write the API's OpenAPI document to a file for code generators: `make openapi`."""

import json
import subprocess
import sys
import tempfile

from dev.processes import ROOT, Problem

_PRINT = "import json, main; print(json.dumps(main.app.openapi()))"

# The app requires these settings when it is imported, and nothing connects to them. Other settings
# are not passed, so that neither the environment nor a `.env` changes the document.
_SETTINGS = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "BETTER_AUTH_URL": "http://127.0.0.1:1",
    "PYTHONPATH": str(ROOT),
}


def write_openapi() -> None:
    """Write the OpenAPI document to `openapi.json`.

    Raises:
        Problem: the app cannot be imported.
    """
    command = (sys.executable, "-c", _PRINT)
    with tempfile.TemporaryDirectory() as folder:
        printed = subprocess.run(command, cwd=folder, env=_SETTINGS, stdout=subprocess.PIPE, check=False)
    if printed.returncode != 0:
        raise Problem("openapi.json was not written, because the app cannot be imported.")
    document = json.dumps(json.loads(printed.stdout), indent=2, ensure_ascii=False)
    (ROOT / "openapi.json").write_text(f"{document}\n", encoding="utf-8")
