"""`python -m cors_anywhere`, also from a checkout that no pip has looked at.

Owns: that a Python which is too old is named as the reason. So everything here must be readable to
one, and the rest of the package is imported after the check.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - python_requires is asked by pip only
    version = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"cors-anywhere: Python 3.11 or newer is needed; {sys.executable} is {version}")

if __name__ == "__main__":
    from cors_anywhere.process.command import main

    sys.exit(main())
