"""Every benchmark, one after the other: `sudo python -m benchmarks`. Ratios are side by side in one run.

Exit status 1 where an aim is missed; each says which. benchmarks/README.md holds what was measured, and where.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = ("half_open.py", "scale.py", "build.py", "link_down.py", "capture.py")


def main() -> int:
    """Run them all; the worst exit status."""
    worst = 0
    for name in BENCHMARKS:
        print(f"\n=== {name}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, str(HERE / name)], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
