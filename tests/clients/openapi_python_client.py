import json
import os
import sys
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from generated import AuthenticatedClient
from generated.api.sync import apply_batch, list_changes
from generated.api.todos import create_todo, delete_todo, get_todo, list_todos, put_todo, update_todo
from generated.models import (
    Batch,
    BatchResults,
    Changes,
    ProblemDetails,
    TodoCreate,
    TodoDelete,
    TodoPut,
    TodoRead,
    TodoUpdate,
    ValidationProblemDetails,
    VersionMismatchDetails,
)
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

new = uuid4()
put = put_todo.sync_detailed(new, client=api, body=TodoCreate(title="put"))
assert isinstance(put.parsed, TodoRead)
version = f'W/"{put.parsed.version}"'
patched = update_todo.sync_detailed(new, client=api, body=TodoUpdate(title="patched"), if_match=version)
assert isinstance(patched.parsed, TodoRead)
mismatch = update_todo.sync_detailed(new, client=api, body=TodoUpdate(title="late"), if_match=version)
assert isinstance(mismatch.parsed, VersionMismatchDetails)
puts = [
    TodoPut(id=uuid4(), title="batch", base=0),
    TodoPut(id=created[1].id, title="late", base=created[1].version - 1),
]
batch = apply_batch.sync(client=api, body=Batch(put=puts, delete=[TodoDelete(id=new)]))
assert isinstance(batch, BatchResults)
changes = list_changes.sync(client=api, limit=500)
assert isinstance(changes, Changes)
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
            "put": [put.status_code, put.parsed.title],
            "patched": [patched.status_code, patched.parsed.title],
            "mismatch": [mismatch.status_code, mismatch.parsed.current.title],
            "batch": [[result.status, result.current.title if result.current else None] for result in batch.results],
            "changes": [[todo.title, todo.deleted_at is not None] for todo in changes.todos],
        }
    )
)
