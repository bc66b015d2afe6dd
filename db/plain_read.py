"""Plain reads: SELECTs without an effect, which may run outside of a transaction, and twice."""

import re
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import TextClause, TextualSelect
from sqlalchemy.sql.compiler import Compiled

# Words that may stand before a parenthesis in a plain read: SQL's own, and functions without an
# effect. Any other function may take a lock, or set something for the transaction.
_WORDS = (
    "all and any array as between by case cast distinct else exists filter from having in is "
    "join lateral like ilike limit not numeric offset on or order over partition select some then "
    "union values varchar when where with "
    "abs array_agg array_length array_to_string avg bool_and bool_or cardinality ceil coalesce concat "
    "count date_part date_trunc dense_rank extract first_value floor greatest json_agg json_build_object "
    "jsonb_agg jsonb_build_object lag last_value lead least left length lower lpad max min mod nullif "
    "position rank replace right round row_number rpad string_agg substring sum to_char trim unnest upper"
)
_PLAIN = frozenset(_WORDS.split())
_SYMBOLS = "= < > <= >= <> != + - * / || -> ->> @> <@ && ~ ~* !~ !~*"
_OPERATORS = frozenset(_SYMBOLS.split())
_PARAMETER = re.compile(r"%\(\w+\)s(::[A-Z]+\b)?")  # with the first word of the type of its column
_CALL = re.compile(r"([^\s(]*)\s*\(")
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+")
_WRITE = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE|INTO|SHARE|CALL)\b|--|/\*|;|::", re.IGNORECASE)


def is_plain_read(sql: str) -> bool:
    """Return whether a SELECT has no effect, and may run outside of a transaction and twice.

    If unsure, return `False`. A view or a type of your own whose functions write is not noticed.
    """
    sql = _PARAMETER.sub("", sql)
    if not sql.startswith("SELECT") or _WRITE.search(sql):
        return False
    calls = {word.lower() for word in _CALL.findall(sql) if word} - _OPERATORS
    return _PLAIN.issuperset(calls) and _OPERATORS.issuperset(_OPERATOR.findall(sql))


_plain_reads: WeakKeyDictionary[Compiled, bool] = WeakKeyDictionary()


def needs_transaction(context: Any) -> bool:
    """Return whether a statement that SQLAlchemy executes is something else than a plain read."""
    compiled: Compiled | None = context.compiled
    if compiled is None or isinstance(compiled.statement, TextClause | TextualSelect):
        return True
    if (plain := _plain_reads.get(compiled)) is None:
        plain = _plain_reads[compiled] = is_plain_read(str(compiled))
    return not plain
