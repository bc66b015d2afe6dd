"""Test the contract with a real Better Auth (Node) as the issuer: `make test-better-auth`."""
