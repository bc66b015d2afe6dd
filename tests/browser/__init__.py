"""Run the servers for the browser tests of examples/nextjs: `make test-browser`."""
