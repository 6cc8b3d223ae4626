"""The OAuth server: apps, consents, codes that are good once, and refresh tokens that are good once with a grace.

It knows no HTTP: routes_oauth.py and routes_consent.py speak for it. Time is `time.monotonic()`.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from .ids import digest, letters
from .installations import BulkInstallation, Installations
from .jwts import make_jwt
from .settings import OAuthRules
from .state import ALL_SCOPES, Token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .location import Location
    from .state import State

__all__ = ["OAUTH_SCOPES", "App", "Denied", "Grant", "OAuth", "Pair"]

OAUTH_SCOPES: Final = frozenset({"oauth.readonly", "oauth.write"})  # facts 9.6 [docs]
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class App(msgspec.Struct, frozen=True, kw_only=True):
    """A marketplace app."""

    client_id: str
    """`<24 hex app id>-<8 characters>` (facts 1 [blog])."""
    client_secret: str
    redirect_uris: tuple[str, ...]
    scopes: frozenset[str]
    version_id: str

    @property
    def app_id(self) -> str:
        """What `appId` means (facts 1 [blog])."""
        return self.client_id.partition("-")[0]

    def __repr__(self) -> str:
        """Show everything but the secret."""
        return f"App(client_id={self.client_id!r}, redirect_uris={self.redirect_uris!r})"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody consented to: an app, some scopes, one location or one company."""

    client_id: str
    scopes: frozenset[str]
    company_id: str
    location_id: str = ""
    """Empty: the consent is the company's."""

    @property
    def owner_id(self) -> str:
        """Whose it is."""
        return self.location_id or self.company_id


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """An access token with its refresh token."""

    grant: Grant
    access_token: str
    refresh_token: str
    refresh_id: str
    expires_in: float

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Pair(grant={self.grant!r})"


class _Refresh(msgspec.Struct, kw_only=True):
    grant: Grant
    expires_at: float
    used_at: float = 0.0
    successor: Pair | None = None


class Denied(Exception):
    """Why there is no token; the dialects write it in their own ways."""

    def __init__(self, error: str, message: str = "", *, parameter: str = "") -> None:
        """Take the OAuth name of the error, and a message or the parameter whose value is wrong."""
        super().__init__(error)
        self.error = error
        self.message = message
        self.parameter = parameter


class OAuth:
    """All apps and what was granted to them; `counts` tells what was done how often."""

    def __init__(self, state: State, seed: int) -> None:
        """Start without apps; what is made up follows from `seed`."""
        self.state = state
        self.rules = OAuthRules()
        self.apps: dict[str, App] = {}
        self.installations = Installations()
        self.counts: Counter[str] = Counter()
        """authorization_code, refresh_token: pairs made; refresh_token_again: the same pair given once more within the
        grace; location_token: tokens minted; refused: requests for a token that got none."""
        self._seed = seed
        self._codes: dict[str, tuple[Grant, str]] = {}
        self._refreshes: dict[str, _Refresh] = {}
        self._made = 0

    def add_app(
        self,
        *,
        client_id: str = "",
        client_secret: str = "",
        redirect_uris: Iterable[str] = ("https://app.example.com/callback",),
        scopes: Iterable[str] = ALL_SCOPES | OAUTH_SCOPES,
    ) -> App:
        """Add an app, or replace the one of the same client id; what is left out is made up.

        Raises:
            ValueError: a redirect address is neither https nor on loopback.
        """
        number = len(self.apps)
        app_id = digest(self._seed, "app", number, size=12).hex()
        uris = tuple(redirect_uris)
        for uri in uris:  # facts 9.1 [docs]: it must be https; loopback is for tests and tools [guess]
            parts = urlsplit(uri)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
                message = f"a redirect address must be https or on loopback, not {uri!r}"
                raise ValueError(message)
        app = App(
            client_id=client_id or f"{app_id}-{letters(digest(app_id, size=8)).lower()}",
            client_secret=client_secret or self._uuid("secret", number),
            redirect_uris=uris,
            scopes=frozenset(scopes),
            version_id=digest(self._seed, "version", number, size=12).hex(),
        )
        self.apps[app.client_id] = app
        return app

    def authorize(
        self,
        app: App,
        *,
        location_id: str = "",
        company_id: str = "",
        redirect_uri: str = "",
        scopes: Iterable[str] | None = None,
        locations: Iterable[str] | None = None,
        install_to_future: bool = False,
    ) -> str:
        """Consent, as a person would on the page, and return the code.

        For a location, or for a company with the `locations` it approves: all it has unless told otherwise.

        Raises:
            KeyError: there is no such location or company.
            ValueError: neither was named, or the app has no such redirect address or scope.
        """
        chosen = app.scopes if scopes is None else frozenset(scopes)
        redirect_uri = redirect_uri or app.redirect_uris[0]
        if redirect_uri not in app.redirect_uris or not chosen <= app.scopes:
            message = "the app has no such redirect address or scope"
            raise ValueError(message)
        if location_id:
            company_id = self.state.locations[location_id].place.company_id
            self.installations.add(app.client_id, [location_id])
        elif company_id:
            self._install(app, self.state.companies[company_id].id, locations, to_future=install_to_future)
        else:
            message = "a location or a company must be named"
            raise ValueError(message)
        self._made += 1
        code = digest(self._seed, "code", self._made, size=20).hex()
        grant = Grant(client_id=app.client_id, scopes=chosen, company_id=company_id, location_id=location_id)
        self._codes[code] = (grant, redirect_uri)
        return code

    def _install(self, app: App, company_id: str, locations: Iterable[str] | None, *, to_future: bool) -> None:
        known = {location.id for location in self.locations_of(company_id)}
        approved = sorted(known if locations is None else known & set(locations))
        bulk = BulkInstallation(
            approved=tuple(approved), everywhere=locations is None, to_future=to_future, known=known
        )
        self.installations.add_bulk(app.client_id, company_id, bulk)

    def locations_of(self, company_id: str) -> list[Location]:
        """Return the locations of a company."""
        return [one for one in self.state.locations.values() if one.place.company_id == company_id]

    def is_active(self, grant: Grant) -> bool:
        """Tell whether location and company of a grant are active."""
        company = self.state.companies[grant.company_id]
        return company.active and (not grant.location_id or self.state.locations[grant.location_id].place.active)

    def redeem(self, code: str, client_id: str, client_secret: str, redirect_uri: str) -> Pair:
        """Exchange a code, once; an exchange that is refused leaves the code good [guess].

        Raises:
            Denied: the code is unknown or used, or it is not for this app, secret or redirect address.
        """
        granted = self._codes.get(code)
        # facts 9.1 [blog]: a wrong code is refused before the client secret is even checked
        if granted is None or granted[0].client_id != client_id:
            raise Denied("UnAuthorized!", "Authorization code not found")
        self.authenticate(client_id, client_secret)
        if redirect_uri and redirect_uri != granted[1]:
            raise Denied("invalid_grant", parameter="redirect_uri")
        self._expect_active(granted[0])
        del self._codes[code]  # facts 9.1: single use
        self.counts["authorization_code"] += 1
        return self._issue(granted[0])

    def refresh(self, refresh_token: str, client_id: str, client_secret: str) -> Pair:
        """Exchange a refresh token: once, and within the grace any number of times for the same pair.

        Raises:
            Denied: it is unknown, expired, used too long ago or of another app; the secret is wrong; the location is
                not active, and then the token stays as it was.
        """
        self.authenticate(client_id, client_secret)
        held = self._refreshes.get(refresh_token)
        now = time.monotonic()
        if held is None or held.grant.client_id != client_id or held.expires_at <= now:
            raise Denied("invalid_grant", "Invalid grant: refresh token is invalid")
        if held.successor is not None:
            # facts 9.3 [docs]: within 30 seconds the same refresh token and client receive the same new token
            if now - held.used_at >= self.rules.refresh_grace_seconds:
                raise Denied("invalid_grant", "Invalid grant: refresh token is invalid")
            self.counts["refresh_token_again"] += 1
            return held.successor
        self._expect_active(held.grant)
        held.used_at, held.successor = now, self._issue(held.grant)
        self.counts["refresh_token"] += 1
        return held.successor

    def mint(self, app: App, company_token: Token, location_id: str) -> Pair:
        """Make a token for a location out of a company's.

        Raises:
            Denied: the location is not active.
        """
        # facts 9.4 [blog]: oauth.readonly and oauth.write are added
        scopes = company_token.scopes | OAUTH_SCOPES
        grant = Grant(
            client_id=app.client_id, scopes=scopes, company_id=company_token.company_id, location_id=location_id
        )
        self._expect_active(grant)
        self.counts["location_token"] += 1
        return self._issue(grant)

    def uninstall(self, app: App, *, location_id: str = "", company_id: str = "") -> None:
        """Remove an app from a location, or from a company and all its locations; its tokens for them die [guess].

        Raises:
            KeyError: there is no such location or company.
        """
        if location_id:
            locations = [self.state.locations[location_id]]
        else:
            locations = self.locations_of(self.state.companies[company_id].id)
            self.installations.remove_bulk(app.client_id, company_id)
        for location in locations:
            self.installations.remove(app.client_id, location)
        gone = {location.id for location in locations} | {company_id} - {""}
        for text, token in list(self.state.tokens.items()):
            if token.app == app.client_id and (token.company_id in gone or gone & set(token.locations)):
                self.state.tokens[text] = msgspec.structs.replace(token, expired=True)
        for dead in [
            text
            for text, held in self._refreshes.items()
            if held.grant.client_id == app.client_id and held.grant.owner_id in gone
        ]:
            del self._refreshes[dead]

    def authenticate(self, client_id: str, client_secret: str) -> App:
        """Return the app.

        Raises:
            Denied: there is none, or the secret is wrong.
        """
        app = self.apps.get(client_id)
        if app is None:
            raise Denied("invalid_client", parameter="client_id")
        if app.client_secret != client_secret:
            raise Denied("invalid_client", parameter="client_secret")
        return app

    def _expect_active(self, grant: Grant) -> None:
        if not self.is_active(grant):  # facts 9.2 [spec]: the same refresh token works again once active
            raise Denied("invalid_request", "Location is not active")

    def _issue(self, grant: Grant) -> Pair:
        self._made += 1
        rules, now = self.rules, time.monotonic()
        access = self._jwt(grant, "access", rules.access_token_seconds)
        self.state.tokens[access] = Token(
            text=access,
            scopes=grant.scopes,
            locations=(grant.location_id,) if grant.location_id else (),
            app=grant.client_id,
            company_id="" if grant.location_id else grant.company_id,
            expires_at=now + rules.access_token_seconds,
        )
        refresh = self._jwt(grant, "refresh", rules.refresh_token_seconds)
        self._refreshes[refresh] = _Refresh(grant=grant, expires_at=now + rules.refresh_token_seconds)
        return Pair(
            grant=grant,
            access_token=access,
            refresh_token=refresh,
            refresh_id=digest(self._seed, "refresh", self._made, size=12).hex(),
            expires_in=rules.access_token_seconds,
        )

    def _jwt(self, grant: Grant, use: str, seconds: float) -> str:
        issued = int(time.time())
        claims: dict[str, Any] = {  # facts 2.3 [blog]
            "authClass": "Location" if grant.location_id else "Company",
            "authClassId": grant.owner_id,
            "primaryAuthClassId": grant.owner_id,
            "source": "INTEGRATION",
            "sourceId": grant.client_id,
            "channel": "OAUTH",
            "scopes": sorted(grant.scopes),
            "iat": issued,
            "exp": int(issued + seconds),
            "jti": digest(self._seed, use, self._made, size=12).hex(),
        }
        return make_jwt(claims, digest(self._seed, "signature", use, self._made, size=32))

    def _uuid(self, *parts: object) -> str:
        return str(UUID(bytes=digest(self._seed, *parts, size=16), version=4))  # facts 1: a client secret is a UUID
