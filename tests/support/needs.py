"""What a test cannot do without: a browser, a namespace, a second address family.

Owns: what becomes of a test where that is missing. Must not know: the test.
"""

from __future__ import annotations

import os

import pytest


def needs(there: object, what: str) -> None:
    """Skips a test that lacks `what`, with that reason. Where CI is true nothing may be missing,
    and it fails."""
    if there:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"there is no {what}")
    pytest.skip(f"there is no {what}")
