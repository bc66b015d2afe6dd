"""Test the rights of the API's role: of Better Auth's tables it may only read the users."""

import psycopg2
import pytest

from tests.conftest import Database, Person

AS_THE_API = "SET ROLE todo_api;"


def test_the_rest_of_the_tests_run_with_these_rights(owner: Person, database: Database) -> None:
    owner.create()
    assert database.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'todo'") == [("todo_api",)]
    assert database.execute("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = 'todo_api'") == [(False, False)]
    assert database.execute(
        "SELECT table_name, string_agg(privilege_type, ', ' ORDER BY privilege_type)"
        " FROM information_schema.role_table_grants"
        " WHERE grantee = 'todo_api' AND table_schema = 'public' AND table_name IN ("
        "'user', 'session', 'account', 'verification', 'jwks') GROUP BY 1"
    ) == [("user", "REFERENCES, SELECT")]


@pytest.mark.parametrize(
    "statement",
    [
        """INSERT INTO "user" (id, name, email, "emailVerified") VALUES ('x', 'x', 'x', true)""",
        """UPDATE "user" SET name = 'x'""",
        """DELETE FROM "user" """,
        """ALTER TABLE "user" ADD COLUMN x text""",
        "SELECT token FROM session",
        "SELECT password FROM account",
        """SELECT "privateKey" FROM jwks""",
    ],
    ids=lambda statement: statement.split('"')[0].strip() or statement,
)
def test_other_access_to_better_auths_tables_is_refused(database: Database, statement: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        database.execute(AS_THE_API + statement)
