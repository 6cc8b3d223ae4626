"""What the environment says: the only place where the command line reads it, but for the token itself."""

from __future__ import annotations

import os
from typing import Literal

from ..auth import App
from ..client import BASE_URL
from ..errors import NoToken, UsageError
from .options import PlaceOptions

__all__ = ["api_version", "app_of", "base_url", "client_secret", "dialect", "setting"]


def setting(chosen: str | None, name: str) -> str:
    """What was chosen, else what the environment says; empty if neither."""
    return (chosen or os.environ.get(name, "")).strip()


def base_url(options: PlaceOptions) -> str:
    """Where the API is."""
    return setting(options.base_url, "GHL_BASE_URL") or BASE_URL


def api_version() -> str | None:
    """The Version that every call is moved to, if any."""
    return setting(None, "GHL_API_VERSION") or None


def dialect() -> Literal["v2", "v3"]:
    """The generation of the API's OAuth."""
    return "v3" if api_version() == "v3" else "v2"


def client_secret() -> str:
    """The app's secret; empty if it is not set."""
    return setting(None, "GHL_CLIENT_SECRET")


def app_of(client_id: str, options: PlaceOptions) -> App:
    """The app that stored tokens belong to.

    Raises:
        NoToken: its secret is not set.
        UsageError: another app is set, or the address cannot be.
    """
    named = setting(None, "GHL_CLIENT_ID")
    if named and named != client_id:
        raise UsageError(
            f"the stored tokens belong to the app {client_id}, and GHL_CLIENT_ID names {named}: unset it, or log in "
            "with that app: ghl-async login --oauth"
        )
    secret = client_secret()
    if not secret:
        raise NoToken(
            f"the stored tokens are those of the app {client_id}, and renewing them takes its secret: set "
            "GHL_CLIENT_SECRET"
        )
    return App(client_id, secret, base_url=base_url(options), dialect=dialect())
