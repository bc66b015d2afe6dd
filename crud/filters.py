"""The filters of todos, as conditions of SQL: for lists, and for changes of several todos."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, any_, bindparam, func, literal_column
from sqlalchemy.dialects.postgresql import ARRAY

from crud.search import pattern, words_of
from models.listing import Filters
from models.priority import PriorityNumber

# A word has no white space, so it is never found across two lines.
_LINE_END: ColumnElement[str] = literal_column("E'\\n'")


def due_key(todo: Any) -> ColumnElement[str]:
    """Return when a todo is due, as the index has it: todos without a date come last."""
    return func.coalesce(todo.due, literal_column("'~'"))


def _lines(todo: Any) -> ColumnElement[str]:
    lines = func.concat_ws(_LINE_END, todo.title, todo.description, func.array_to_string(todo.tags, _LINE_END))
    return lines.collate("C")


CONDITIONS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "completed": lambda todo: todo.completed == bindparam("completed"),
    "tag": lambda todo: todo.tags.contains(bindparam("tag", type_=ARRAY(Text))),
    "priority": lambda todo: todo.priority == any_(bindparam("priority", type_=ARRAY(PriorityNumber))),
    "due_before": lambda todo: due_key(todo) < bindparam("due_before"),
    "due_from": lambda todo: and_(due_key(todo) >= bindparam("due_from"), due_key(todo) < literal_column("'~'")),
    "q": lambda todo: _lines(todo).regexp_match(bindparam("q")),
}
"""The condition of each filter on the columns of todos. Its value is a parameter of the same name."""

if CONDITIONS.keys() != Filters.model_fields.keys():
    raise TypeError("CONDITIONS has to have a condition for each field of Filters, and no others.")


def values_of(filters: Filters) -> dict[str, Any]:
    """Return the values of the conditions of the filters that the client has sent."""
    sent = filters.sent()
    if filters.q:
        sent["q"] = pattern(words_of(filters.q))
    return sent
