"""`Idempotency-Key`: the id of the todo that a request makes, chosen by the client."""

from uuid import UUID, uuid5

_NAMESPACE = UUID("6f1d3c52-3b0e-4f64-9a0b-7f4f0f6f2b1e")  # random; a change of it would end all keys


def todo_id_of(key: str) -> UUID:
    """Return the id of the todo that a key makes: the key itself if it is a UUID, else one made of it (RFC 9562)."""
    try:
        own = UUID(key)
    except ValueError:
        own = None
    return own if own and str(own) == key.lower() else uuid5(_NAMESPACE, key)
