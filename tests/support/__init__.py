"""Real servers and real addresses for the tests: a name server, and a network namespace."""

PATIENCE = 10.0
"""Seconds after which a test gives up on what it waits for. It guards against hanging, at ten times
what is expected, and proves nothing: how long something takes, a busy machine decides."""
