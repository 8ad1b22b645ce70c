"""Benchmarks: `make bench`. Each measures the server's processes, not the load generator, and keeps its raw results."""
