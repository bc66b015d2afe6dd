"""Test the contract on the runtimes of Vercel, AWS Lambda and a container: `make test-hosts`."""
