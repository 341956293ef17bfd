from __future__ import annotations

import sys
from pathlib import Path

# The generator is a package of its own, beside these tests, and knows nothing of the engine.
sys.path.insert(0, str(Path(__file__).parent))
