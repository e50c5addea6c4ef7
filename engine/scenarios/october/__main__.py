"""Write `engine/scenarios/october_2025.toml`, the smallest scale: ``python -m engine.scenarios.october``."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.scenarios import october_2025

FILE = Path(__file__).resolve().parents[1] / "october_2025.toml"


def main() -> int:
    """Write the file; return the exit code."""
    FILE.write_text(october_2025.scenario(october_2025.SCALES[0]).to_toml(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
