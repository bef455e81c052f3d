"""`python -m toposcope.monitor DIR [--finish]`: the computing half of a monitor.

Without a training process beside it, it computes what is left of the checks in DIR and ends, as with --finish.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from toposcope._errors import ToposcopeError
from toposcope.monitor.background import finish, serve


def main(arguments: list[str] | None = None) -> int:
    """0 done, 2 for a folder that is none."""
    parser = argparse.ArgumentParser(prog="python -m toposcope.monitor", description=finish.__doc__)
    parser.add_argument("folder", type=Path, help="folder of a monitor")
    parser.add_argument("--finish", action="store_true", help="compute what is left, then end")
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    try:
        if given.finish or given.parent is None:
            finish(given.folder, given.parent)
        else:
            serve(given.folder, given.parent)
    except ToposcopeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
