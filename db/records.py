"""`Records`: many rows as one parameter of a statement."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from math import isfinite
from typing import Any

from psycopg2.extensions import Binary
from pydantic_core import to_json
from sqlalchemy import JSON, Text, bindparam, cast, column, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from db.engine import dialect


class Records:
    """Rows that one parameter of a statement contains, as a table in its FROM.

    The text of the statement is the same for each number of rows, so it is compiled once.

        new = Records("new", title=Text(), priority=Tag.__table__.c.priority.type)
        Statement(TagRead, insert(Tag).from_select(["title"], select(new.rows.c.title)).returning(...))
        statement.all(session, new=new.dump([{"title": "home", "priority": 1}]))

    Args:
        name: the name of the parameter, and of the table in the statement.
        types: the types of the columns by name.
    """

    def __init__(self, name: str, /, **types: TypeEngine[Any]) -> None:
        parameter = cast(bindparam(name, type_=Text()), JSONB)
        columns = [column(key, kind) for key, kind in types.items()]
        self.rows = func.jsonb_to_recordset(parameter).table_valued(*columns, name=name).render_derived(with_types=True)
        # JSON is a part of the parameter's JSON. The types of all other columns write their own text.
        self._convert = {
            key: kind.dialect_impl(dialect).bind_processor(dialect)
            for key, kind in types.items()
            if not isinstance(kind, JSON)
        }

    def dump(self, rows: Iterable[Mapping[str, Any]]) -> str:
        """Return the value of the parameter. A column that a row lacks is NULL."""
        values = [{key: self._value(key, value) for key, value in row.items()} for row in rows]
        return to_json(values, inf_nan_mode="constants").decode()  # which PostgreSQL refuses in JSON

    def _value(self, key: str, value: Any) -> Any:
        if key not in self._convert:
            return value
        convert = self._convert[key]
        return _text(value if convert is None or value is None else convert(value))


def _text(value: Any) -> Any:
    """Return a value as PostgreSQL reads it, where pydantic would write something else."""
    match value:
        case list():
            return [_text(item) for item in value]
        case timedelta():  # PostgreSQL does not read `-P1D`
            return f"{value.days} days {value.seconds} seconds {value.microseconds} microseconds"
        case float() if not isfinite(value):
            return str(value)
        case Binary():
            return f"\\x{value.adapted.hex()}"
    return value
