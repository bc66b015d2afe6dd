"""`make openapi`: write down what the API says of itself, for those who generate code from it."""

import json
import subprocess
import sys
import tempfile

from dev.processes import ROOT, Problem

_PRINT = "import json, main; print(json.dumps(main.app.openapi()))"

# Nothing connects to these. The app asks for them when it is imported, and for no others: neither
# the environment nor a `.env` has a say in the document.
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
        raise Problem("There is no document, because the app cannot be imported.")
    document = json.dumps(json.loads(printed.stdout), indent=2, ensure_ascii=False)
    (ROOT / "openapi.json").write_text(f"{document}\n", encoding="utf-8")
