"""Test both services as one Vercel project on one domain: `make test-vercel`."""
