"""What the tests share: real servers, clients, crowds and addresses, and tools that judge them."""

PATIENCE = 60.0
"""Seconds after which a test gives up on what it waits for. It guards against hanging, at far more
than what is expected, and proves nothing: how long something takes, a busy machine decides."""
