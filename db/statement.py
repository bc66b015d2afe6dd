"""`Statement`: SQL that is built and compiled once, and returns objects of one class.

`JoinedStatement` returns each of them with further values of its row.
"""

from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel
from sqlalchemy.exc import NoResultFound
from sqlmodel import Session

from db.compiled import Compiled
from db.results import reader

Read = TypeVar("Read", bound=BaseModel)
Beside = TypeVar("Beside", bound=NamedTuple)


class Statement(Compiled, Generic[Read]):
    """A statement of SQLAlchemy's that is built once and executed often.

    Outside of a transaction it is a transaction by itself, committed when it returns. It is one
    round trip, unless its text depends on the values, or a default is made in Python. Inside of a
    transaction it is a part of it.

    SQLAlchemy finds out on each execution that a statement is the same as before, which is half of
    a request's CPU time. Here that is done once. Types still convert the values, and errors are
    SQLAlchemy's.

    Args:
        read: the class of the results: one field for each column of the statement.
        statement: a SELECT, or an INSERT, UPDATE or DELETE with RETURNING; `bindparam()` names the
            values that differ from call to call.
        first: a SELECT that is executed before, in the same transaction and message. The statement
            sees what was committed while it waited.
        repeats: whether it may be executed twice, because the second time changes nothing. It is
            repeated once if its connection is lost. A plain read always is.
        one_at_a_time: whether it waits in this process for other such statements of the user, because it
            would wait for them in the database, and keep a connection meanwhile.

    Raises:
        TypeError: the columns are not the fields of `read`, or the statement does not test a column that
            a table demands (`info={"tested": …}`). `first` is not tested.
        ReadOnlyTableError: it writes to Better Auth's user table.
    """

    def __init__(self, read: type[Read], statement: Any, **options: Any) -> None:
        super().__init__(read, statement, **options)
        self._read = reader(read)

    def all(self, session: Session, /, **values: Any) -> list[Read]:
        """Execute the statement, and return all results.

        Args:
            session: where it is executed.
            values: for each `bindparam()` of the statement.

        Raises:
            TypeError: a value is missing, or has no `bindparam()`.
            sqlalchemy.exc.SQLAlchemyError: the database refused, or was lost.
        """
        return self._read([dict(zip(self.names, row, strict=True)) for row in self.rows(session, values)])

    def first(self, session: Session, /, **values: Any) -> Read | None:
        """Execute as `all` does, and return the first result; `None` if there is none."""
        return next(iter(self.all(session, **values)), None)

    def one(self, session: Session, /, **values: Any) -> Read:
        """Execute as `all` does, and return the first result.

        Raises:
            sqlalchemy.exc.NoResultFound: there is none.
        """
        for result in self.all(session, **values):
            return result
        raise NoResultFound


class JoinedStatement(Compiled, Generic[Read, Beside]):
    """A `Statement` whose rows have further values, and may have nothing else, as in an outer join.

    Args:
        read: the class of the results, whose columns come first.
        beside: the class of the further values, whose columns come last.
        statement: as for `Statement`, and so are the options.
    """

    def __init__(self, read: type[Read], beside: type[Beside], statement: Any, **options: Any) -> None:
        super().__init__(read, statement, beside._fields, **options)
        self._fields = list(read.model_fields)
        if self.names != [*self._fields, *beside._fields]:
            raise TypeError(f"the columns {self.names} are not in the order of the fields")
        self._read, self._beside = reader(read), beside

    def all(self, session: Session, /, **values: Any) -> list[tuple[Read | None, Beside]]:
        """Execute as `Statement.all` does, and return for each row the result, if it has one, and the rest."""
        rows = self.rows(session, values)
        count, nothing = len(self._fields), (None,) * len(self._fields)
        first = [tuple(row[:count]) for row in rows]
        results = iter(self._read([dict(zip(self._fields, row, strict=True)) for row in first if row != nothing]))
        further = [self._beside._make(row[count:]) for row in rows]
        return [(None if row == nothing else next(results), rest) for row, rest in zip(first, further, strict=True)]

    def first(self, session: Session, /, **values: Any) -> tuple[Read | None, Beside] | None:
        """Execute as `all` does, and return the first row; `None` if there is none."""
        return next(iter(self.all(session, **values)), None)
