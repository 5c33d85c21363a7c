"""Makes the `bench` package importable: it stands beside `tests` and is not installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
