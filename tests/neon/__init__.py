"""Test the API with TLS, a proxy and a pooler as at Neon, and over a network that fails."""
