"""The API as it lives on Neon: behind TLS, a proxy, a pooler, and a network that fails."""
