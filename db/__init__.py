"""The database: connections, sessions, and the tables at the start."""
