"""Generate clients from the OpenAPI document, and use them against a live API: `make test-clients`."""
