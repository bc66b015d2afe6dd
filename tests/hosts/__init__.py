"""The contract once more, as hosts run it: Vercel, AWS Lambda and a container. `make test-hosts`."""
