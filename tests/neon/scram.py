"""Implement the server's side of SCRAM-SHA-256 with channel binding (RFC 5802, RFC 7677, RFC 5929)."""

import hmac
import os
from base64 import b64decode, b64encode
from hashlib import pbkdf2_hmac, sha256

_ITERATIONS = 4096  # PostgreSQL uses the same number

MECHANISMS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")


class Exchange:
    """Verify a client's proof that it knows the password.

    Args:
        password: the right password. It is `None` for an unknown user, whose proofs are all refused.
        certificate: SHA-256 of the server's certificate, to which PLUS binds (tls-server-end-point).
        mechanism: the mechanism of `MECHANISMS` that the client chose.
        first: the client's first message.
    """

    def __init__(self, password: str | None, certificate: bytes, mechanism: str, first: bytes) -> None:
        flag, authzid, self._bare = first.split(b",", 2)
        bound = mechanism.endswith("-PLUS")
        self._known = password is not None and (flag == b"p=tls-server-end-point") is bound
        self._binding = flag + b"," + authzid + b"," + (certificate if bound else b"")
        salt = os.urandom(16)
        self._salted = pbkdf2_hmac("sha256", (password or "").encode(), salt, _ITERATIONS)
        nonce = dict(part.split(b"=", 1) for part in self._bare.split(b","))[b"r"] + b64encode(os.urandom(18))
        self.first = b"r=%s,s=%s,i=%d" % (nonce, b64encode(salt), _ITERATIONS)
        """The server's first message."""

    def verify(self, final: bytes) -> bytes | None:
        """Return the answer to the client's final message, or `None` if the proof is wrong."""
        without_proof, _, proof = final.rpartition(b",p=")
        said = dict(part.split(b"=", 1) for part in without_proof.split(b","))
        everything = b",".join((self._bare, self.first, without_proof))
        stored = sha256(_mac(self._salted, b"Client Key")).digest()
        pairs = zip(b64decode(proof), _mac(stored, everything), strict=True)
        right = sha256(bytes(one ^ other for one, other in pairs)).digest() == stored
        right = right and b64decode(said[b"c"]) == self._binding and self.first.startswith(b"r=%s," % said[b"r"])
        if not (self._known and right):
            return None
        return b"v=" + b64encode(_mac(_mac(self._salted, b"Server Key"), everything))


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
