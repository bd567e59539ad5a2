"""Benchmarks, not timed tests: ``python -m tests.bench [NAME…] [--json FILE]``.

One module per benchmark; adding one is adding a module with a function decorated by ``registry.bench``.
"""
