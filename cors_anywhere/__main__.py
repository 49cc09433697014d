"""`python -m cors_anywhere`."""

import sys

from cors_anywhere.process.command import main

if __name__ == "__main__":
    sys.exit(main())
