"""What the tests of examples/nextjs run in a real browser against. `make test-browser`."""
