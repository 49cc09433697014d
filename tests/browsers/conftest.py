"""What is here takes minutes and environments of its own: `make browsers` runs it, `make test` does
not.

Owns: whether these tests are collected. Must not know: what they need.
"""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("CORSANYWHERE_TEST_BROWSERS") == "1" else ["test_*.py"]
