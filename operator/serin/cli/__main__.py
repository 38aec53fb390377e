"""`python -m serin.cli` is the command `serin`."""

import sys

from serin.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
