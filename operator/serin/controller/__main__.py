"""`python -m serin.controller`."""

import sys

from serin.controller.main import main

sys.exit(main())
