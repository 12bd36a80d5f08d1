"""`python -m dilviz` is the `dilviz` command."""

import sys

from dilviz.cli import main

sys.exit(main())
