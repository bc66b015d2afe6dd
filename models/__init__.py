"""SQLModel classes: the tables, and the schemas that cross the wire."""
