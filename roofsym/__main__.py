"""``python -m roofsym``."""

from roofsym.cli import main

raise SystemExit(main())
