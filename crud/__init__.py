"""Every SQL statement of the project; nothing of HTTP, and nothing that commits."""
