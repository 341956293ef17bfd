"""``python -m maestro_hooks`` is ``maestro``."""

from maestro_hooks.cli import main

raise SystemExit(main())
