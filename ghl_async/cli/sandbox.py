"""What `ghl-async sandbox` does: serve until it is told to end."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from urllib.parse import urlsplit

import msgspec

from ..errors import UsageError
from ..sandbox import Options, serve
from .answer import answer
from .complaint import tell
from .options import SandboxOptions

__all__ = ["serve_sandbox"]

_SETTINGS = (
    "base_url",
    "token",
    "location_id",
    "company_id",
    "client_id",
    "client_secret",
    "redirect_uri",
    "marketplace",
)


async def serve_sandbox(chosen: SandboxOptions) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises:
        UsageError: the port cannot be had, or an option cannot be.
    """
    options = Options(**asdict(chosen))
    try:
        await serve(options, announce=lambda line: _announce(line, options.redirect_uri.partition(",")[0]))
    except OSError as error:
        raise UsageError(
            f"the sandbox cannot listen on port {options.port} ({error.strerror}): choose another --port"
        ) from None
    except ValueError as error:
        raise UsageError(str(error)) from None
    return 0


def _announce(line: str, redirect_uri: str) -> None:
    place = msgspec.json.decode(line, type=dict[str, str])
    place["redirect_uri"], place["marketplace"] = redirect_uri, place["base_url"]
    answer("\n".join(f"export GHL_{name.upper()}={shlex.quote(place[name])}" for name in _SETTINGS))
    tell(
        "The sandbox is listening; Ctrl-C ends it. Paste the lines above into another terminal, then try there:\n"
        "  ghl-async backfill\n"
        "or, with the app of the sandbox instead of the token:\n"
        f"  unset GHL_TOKEN && ghl-async login --oauth{_listening(redirect_uri)}"
    )


def _listening(redirect_uri: str) -> str:
    parts = urlsplit(redirect_uri)
    return f" --listen {parts.port or 80}" if parts.scheme == "http" else ""
