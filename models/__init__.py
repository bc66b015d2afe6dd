"""SQLModel classes: the tables, and the schemas that cross the wire."""

from sqlmodel import SQLModel

# The names that PostgreSQL itself uses for keys without a name. A migration can drop a key only by
# its name. Checks have no rule here, because SQLAlchemy does not know their columns.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_label)s",
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
}
