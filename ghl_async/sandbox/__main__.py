"""`python -m ghl_async.sandbox`: a sandbox as a process of its own."""

from __future__ import annotations

import asyncio
import sys

from .options import parse_options
from .sandbox import serve


def _announce(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Serve until SIGTERM; 0 then, 2 when an option or the port is wrong."""
    try:
        asyncio.run(serve(parse_options(), announce=_announce))
    except (ValueError, TypeError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
