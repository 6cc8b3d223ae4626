"""What `ghl-async sandbox` does: serve until it is told to end."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict

import msgspec

from ..errors import UsageError
from ..sandbox import Options, serve
from .options import SandboxOptions

__all__ = ["serve_sandbox"]


async def serve_sandbox(chosen: SandboxOptions) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises:
        UsageError: the port cannot be had.
    """
    options = Options(**asdict(chosen))
    try:
        await serve(options, announce=_announce)
    except OSError as error:
        raise UsageError(
            f"the sandbox cannot listen on port {options.port} ({error.strerror}): choose another --port"
        ) from None
    return 0


def _announce(line: str) -> None:
    place = msgspec.json.decode(line, type=dict[str, str])
    for name in ("base_url", "token", "location_id"):
        sys.stdout.write(f"export GHL_{name.upper()}={shlex.quote(place[name])}\n")
    sys.stdout.flush()
    sys.stderr.write(
        "The sandbox is listening; Ctrl-C ends it. Paste the lines above into another terminal, then try there:\n"
        "  ghl-async backfill\n"
    )
    sys.stderr.flush()
