"""Test that a user's statements and indexes begin with the owner, so that users can be split: docs/scale.md."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from itertools import product
from pkgutil import iter_modules
from typing import Any, get_args

import crud
from crud import bulk, listing, move, todo, trash
from crud.filters import CONDITIONS
from db.compiled import Compiled
from models.listing import Sort
from models.todo import TodoUpdate
from tests.conftest import Database, Person

OF_ALL_USERS = {
    "crud.sweep._OWNERS": "The sweep looks for users with old todos in the trash.",
    "crud.sweep._DELETE_TOMBSTONES": "The sweep deletes old tombstones of all users.",
}
"""List the statements on todos without an owner, each with the reason. No request sends one of them."""
INDEXES_OF_ALL_USERS = {"todo_sweep_idx": "The sweep reads it, once a day."}
"""List the indexes of `todo` that do not begin with the owner, each with the reason."""

MODULES = [import_module(module.name) for module in iter_modules(crud.__path__, "crud.") if "__" not in module.name]
_FIELDS = sorted(TodoUpdate.model_fields)
_CHANGES = [(), *((field,) for field in _FIELDS), tuple(_FIELDS)]
_FILTERS = [frozenset(some) for some in ([], *([one] for one in CONDITIONS), CONDITIONS)]
_BOTH = (False, True)
BUILT: dict[str, list[Callable[[], Any]]] = {
    "crud.todo._change": [
        partial(todo._change, *names, has_match=has_match) for names, has_match in product(_CHANGES, _BOTH)
    ],
    "crud.todo._trash": [partial(todo._trash, restores=one, has_match=other) for one, other in product(_BOTH, _BOTH)],
    "crud.trash._page": [partial(trash._page, after=after) for after in _BOTH],
    "crud.move._move": [partial(move._move, to_top=one, has_match=other) for one, other in product(_BOTH, _BOTH)],
    "crud.bulk._change": [
        partial(bulk._change, *names, deletes=deletes, filters=filters)
        for names, filters in [
            *product(_CHANGES, _FILTERS[:1]),
            *product(_CHANGES[-1:], [*_FILTERS, frozenset(["id"])]),
        ]
        for deletes in _BOTH
    ],
    "crud.listing._page": [
        partial(listing._page, sort, filters, after=after)
        for sort, filters, after in product(get_args(Sort), _FILTERS, _BOTH)
    ],
}
"""Map the functions that build statements to their calls: each field and each filter alone, none, and all."""


def statements() -> Iterator[tuple[str, Compiled]]:
    """Yield the statements of crud with their names."""
    for module in MODULES:
        for name, value in vars(module).items():
            if isinstance(value, Compiled):
                yield f"{module.__name__}.{name}", value
    for name, calls in BUILT.items():
        for call in calls:
            yield name, call()


_SCAN = re.compile(r"(?:FROM|JOIN|UPDATE|,) todo(?: AS (\w+))?(?![.\w])")
_OWNER = re.compile(r"\b(\w+)\.user_id = %\(owner\)s")
_INSERT = re.compile(r"INSERT INTO todo \(user_id, .*?\) (?:VALUES \(|SELECT )%\(owner\)s")


def has_owner(sql: str) -> bool:
    """Return whether each read and write of todos has the owner: one condition for each table or alias of it."""
    scans = Counter(name or "todo" for name in _SCAN.findall(sql))
    return scans == Counter(_OWNER.findall(sql)) and sql.count("INSERT INTO todo ") == len(_INSERT.findall(sql))


def test_each_statement_on_todos_has_the_owner() -> None:
    texts = [(name, " ".join(compiled._text.split())) for name, compiled in statements()]
    on_todos = [(name, sql) for name, sql in texts if re.search(r"\btodo\b", sql)]
    assert len({name for name, _ in on_todos}) > 15
    found = {name for name, sql in on_todos if not has_owner(sql)}
    assert found == set(OF_ALL_USERS), "A statement reads or writes the todos of all users."


def test_each_function_that_builds_statements_is_tested() -> None:
    built = {
        f"{module.__name__}.{name}"
        for module in MODULES
        for name, value in vars(module).items()
        if isinstance(value, type(listing._page)) and "Statement" in str(value.__annotations__["return"])
    }
    assert built == set(BUILT)


def test_each_index_of_todos_begins_with_the_owner(owner: Person, database: Database) -> None:
    owner.create()  # so the tables are there
    indexes = database.execute("""
        SELECT indexrelid::regclass::text, attname FROM pg_index
        LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
        WHERE indrelid = 'todo'::regclass""")
    assert len(indexes) > 7
    assert {name for name, column in indexes if column != "user_id"} == set(INDEXES_OF_ALL_USERS)


def test_todos_refer_only_to_their_owner_and_nothing_refers_to_todos(owner: Person, database: Database) -> None:
    owner.create()
    keys = database.execute("""
        SELECT conrelid::regclass::text, confrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE contype = 'f' AND 'todo'::regclass IN (conrelid, confrelid)""")
    assert keys == [("todo", '"user"', 'FOREIGN KEY (user_id) REFERENCES "user"(id) ON DELETE CASCADE')]
