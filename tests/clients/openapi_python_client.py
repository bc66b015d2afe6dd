import json
import os
import sys
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from generated import AuthenticatedClient
from generated.api.todos import create_todo, delete_todo, get_todo, list_todos
from generated.models import ProblemDetails, TodoCreate, TodoRead, ValidationProblemDetails
from generated.types import UNSET, Unset

url = os.environ["API_URL"]
api = AuthenticatedClient(base_url=url, token=os.environ["TOKEN"])

# The generated function accepts no client without a token, so this one is not valid.
with AuthenticatedClient(base_url=url, token="none") as stranger:
    refused = list_todos.sync_detailed(client=stranger)
assert isinstance(refused.parsed, ProblemDetails)
invalid = create_todo.sync_detailed(client=api, body=TodoCreate(title=""))
assert isinstance(invalid.parsed, ValidationProblemDetails)
missing = get_todo.sync_detailed(uuid4(), client=api)
assert isinstance(missing.parsed, ProblemDetails)

created = []
for title in ("first", "second", "third"):
    todo = create_todo.sync(client=api, body=TodoCreate(title=title))
    assert isinstance(todo, TodoRead)
    created.append(todo)

pages = []
cursor: str | Unset | None = UNSET
while cursor is not None:
    page = list_todos.sync_detailed(client=api, limit=2, cursor=cursor)
    assert isinstance(page.parsed, list)
    pages.append([todo.title for todo in page.parsed])
    link = page.headers.get("Link")
    cursor = parse_qs(urlsplit(link.partition(">")[0]).query)["cursor"][0] if link else None

deleted = delete_todo.sync_detailed(created[0].id, client=api)
api.get_httpx_client().close()

sys.stdout.write(
    json.dumps(
        {
            "refused": [refused.status_code, refused.parsed.title],
            "invalid": [invalid.status_code, [field.loc for field in invalid.parsed.errors]],
            "missing": [missing.status_code, missing.parsed.title],
            "created": [[todo.title, todo.completed, todo.description] for todo in created],
            "pages": pages,
            "deleted": deleted.status_code,
        }
    )
)
