"""The contract again, with a real Better Auth (Node) for the issuer. `make test-better-auth`."""
