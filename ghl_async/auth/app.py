"""An OAuth app, and the first half of a login: the address of the consent page and what comes back from it (facts 9.1).

Nothing here is sent: the user's browser does it.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qs, quote, urlencode, urlsplit

import msgspec

from ..errors import ConsentDenied, UsageError

__all__ = ["BASE_URL", "App", "Authorization", "Scope"]

BASE_URL = "https://services.leadconnectorhq.com"
_MARKETPLACES = {
    "gohighlevel": "https://marketplace.gohighlevel.com",
    "leadconnectorhq": "https://marketplace.leadconnectorhq.com",
}
_PAGE = "/v2/oauth/chooselocation"
_STATE_BYTES = 24


class Scope(StrEnum):
    """The scopes of what this package calls (facts 9.6). An app may ask for others by their text."""

    BUSINESSES_READONLY = "businesses.readonly"
    BUSINESSES_WRITE = "businesses.write"
    CALENDARS_READONLY = "calendars.readonly"
    CALENDARS_WRITE = "calendars.write"
    CALENDARS_EVENTS_READONLY = "calendars/events.readonly"
    CALENDARS_EVENTS_WRITE = "calendars/events.write"
    CAMPAIGNS_READONLY = "campaigns.readonly"
    CONTACTS_READONLY = "contacts.readonly"
    CONTACTS_WRITE = "contacts.write"
    LOCATIONS_READONLY = "locations.readonly"
    LOCATIONS_CUSTOM_FIELDS_READONLY = "locations/customFields.readonly"
    LOCATIONS_CUSTOM_FIELDS_WRITE = "locations/customFields.write"
    LOCATIONS_CUSTOM_VALUES_READONLY = "locations/customValues.readonly"
    LOCATIONS_CUSTOM_VALUES_WRITE = "locations/customValues.write"
    LOCATIONS_TAGS_READONLY = "locations/tags.readonly"
    LOCATIONS_TAGS_WRITE = "locations/tags.write"
    LOCATIONS_TASKS_READONLY = "locations/tasks.readonly"
    NOTES_READONLY = "notes.readonly"
    NOTES_WRITE = "notes.write"
    OAUTH_READONLY = "oauth.readonly"
    """Which locations have installed the app: for agencies."""
    OAUTH_WRITE = "oauth.write"
    """A token for one of an agency's locations."""
    OPPORTUNITIES_READONLY = "opportunities.readonly"
    OPPORTUNITIES_WRITE = "opportunities.write"
    USERS_READONLY = "users.readonly"
    WORKFLOWS_READONLY = "workflows.readonly"


class Authorization(msgspec.Struct, frozen=True):
    """One login that was begun."""

    url: str
    """Where the user agrees, in a browser."""
    state: str
    """Keep it where only this user's login finds it, and hand it to `App.redeem`: it proves that the answer is to
    this question."""

    def __repr__(self) -> str:
        return "<a login that was begun>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show no field where rich prints it, in a traceback with locals for one."""
        return []


def _split(address: str, complaint: str) -> SplitResult:
    try:
        parts = urlsplit(address.strip())
        usable = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except (ValueError, AttributeError):
        usable = False
    if not usable or parts.username is not None:
        raise UsageError(complaint)
    return parts


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _checked(text: str, name: str) -> str:
    text = text.strip() if isinstance(text, str) else ""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(f"{name} is empty or holds what none can hold: copy it from the app's page in the marketplace")
    return text


def _checked_redirect(address: str | None) -> str | None:
    if address is None:
        return None
    complaint = "redirect_uri must be an https address, or http on this machine (localhost, 127.0.0.1)"
    parts = _split(address, complaint)
    if parts.fragment or not (parts.scheme == "https" or _is_loopback(parts.hostname)):
        raise UsageError(complaint)
    return address.strip()


class App:
    """A marketplace app: who asks. Its repr shows no secret.

    Args:
        client_id: the app's, from its page in the marketplace.
        client_secret: shown there once.
        redirect_uri: where the user's browser is sent after the consent, exactly as it is entered at the marketplace:
            an https address, or http on this machine.
        scopes: what the user is asked to allow: members of `Scope` or their texts.
        base_url: where the API is.
        dialect: which generation of the API's OAuth to speak; replies of both are understood.
        marketplace: the host of the consent page: "gohighlevel", "leadconnectorhq" for white-label accounts, or
            another address, such as a sandbox's.

    Raises:
        UsageError: one of them cannot be.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        redirect_uri: str | None = None,
        scopes: Sequence[str] = (),
        base_url: str = BASE_URL,
        dialect: Literal["v2", "v3"] = "v2",
        marketplace: str = "gohighlevel",
    ) -> None:
        self.client_id = _checked(client_id, "client_id")
        self._client_secret = _checked(client_secret, "client_secret")
        self.redirect_uri = _checked_redirect(redirect_uri)
        self.scopes = tuple(str(scope) for scope in scopes)
        if isinstance(scopes, str) or not all(re.fullmatch(r"[!-~]+", scope) for scope in self.scopes):
            raise UsageError('scopes is a list of texts, each one scope: ["contacts.readonly", "contacts.write"]')
        address = _split(base_url, f"base_url must look like {BASE_URL}")
        if address.query or address.fragment:
            raise UsageError(f"base_url must look like {BASE_URL}, without query and fragment")
        self.base_url = base_url.strip().rstrip("/")
        if dialect not in {"v2", "v3"}:
            raise UsageError(f'dialect is "v2" or "v3", not {dialect!r}')
        self.dialect: Literal["v2", "v3"] = dialect
        self._page = _MARKETPLACES.get(marketplace, marketplace).rstrip("/") + _PAGE
        _split(self._page, 'marketplace is "gohighlevel", "leadconnectorhq" or an address')

    def __repr__(self) -> str:
        return f"<app {self.client_id}>"

    def __reduce__(self) -> str:
        # A pickle would carry the secret to wherever pickles go.
        raise UsageError("an App is not pickled, because of its secret: make it where it is needed")

    @property
    def app_id(self) -> str:
        """What the marketplace calls the app: the part of the client id before its dash (facts 9.5)."""
        return self.client_id.partition("-")[0]

    @property
    def client_secret(self) -> str:
        """The secret."""
        return self._client_secret

    def authorize_url(self, *, version_id: str | None = None) -> Authorization:
        """Begin a login: the address to open in a browser, with a fresh `state`.

        Args:
            version_id: the app's version; give it if the consent page complains of `error.noversionid` (facts 9.1).

        Raises:
            UsageError: the app has no redirect_uri or no scopes.
        """
        if self.redirect_uri is None or not self.scopes:
            raise UsageError("a login needs the app's redirect_uri and its scopes: give both to App")
        state = secrets.token_urlsafe(_STATE_BYTES)
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.scopes),
            "state": state,
        }
        if version_id is not None:
            query["version_id"] = version_id
        return Authorization(url=f"{self._page}?{urlencode(query, quote_via=quote)}", state=state)

    def redeem(self, redirected_url: str, state: str) -> str:
        """Take the code from the address that the browser was sent to. A code is good once, and for minutes.

        Args:
            redirected_url: the whole address, as it stands in the browser.
            state: that of the `Authorization` it answers.

        Raises:
            ConsentDenied: the user said no, or the address answers another question than ours.
            UsageError: it is not such an address, or holds no code.
        """
        parts = _split(redirected_url, "this is no address: paste all of what stands in the browser's address bar")
        said = {name: values[0] for name, values in parse_qs(parts.query).items()}
        reason = said.get("error", "")
        reason = reason if re.fullmatch(r"[a-z_.]{1,40}", reason) else "an error"
        if not state or not hmac.compare_digest(said.get("state", "").encode(), state.encode()):
            raise ConsentDenied(
                "the state in this address is not the one of this login: it belongs to another login, or somebody made"
                " it up; begin again and use the address that follows"
            )
        if "error" in said:
            raise ConsentDenied(f"the consent page answered {reason}: nothing was allowed; log in again to change that")
        if not said.get("code"):
            raise UsageError("this address holds no code: paste the one that the consent page has sent you to")
        return said["code"]
