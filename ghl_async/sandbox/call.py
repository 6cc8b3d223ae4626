"""One request on its way through the checks, and the operation it is for.

The order of refusals is that of facts 2.4 [blog]: bad token > missing Version > validation (422) > authorisation
(401/403). The first two are the server's; an operation validates first and then asks this class for the location or
the contact, which authorises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from .refusals import (
    Refusal,
    auth_class_refused,
    bad_request,
    contact_not_found,
    scope_missing,
    unprocessable,
    wrong_location,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .location import Location, Ref
    from .oauth import OAuth
    from .state import State, Token

__all__ = ["CONTACTS_SCOPE", "CONTACTS_WRITE", "EVENTS_SCOPE", "EVENTS_WRITE", "Call", "Operation"]

CONTACTS_SCOPE = "contacts.readonly"
CONTACTS_WRITE = "contacts.write"
EVENTS_SCOPE = "calendars/events.readonly"
EVENTS_WRITE = "calendars/events.write"

_Access = Literal["location", "agency", "either"]


class Call:
    """A request with a good token and a good Version."""

    __slots__ = (
        "body",
        "is_form",
        "oauth",
        "on_behalf",
        "params",
        "query",
        "refusal",
        "state",
        "token",
        "version",
        "wrong_location_status",
    )

    def __init__(self, oauth: OAuth, token: Token, query: Mapping[str, str], body: bytes) -> None:
        """Take what every operation needs; the server adds `params` and `version`."""
        self.oauth = oauth
        self.state: State = oauth.state
        self.token = token
        self.query = query
        self.body = body
        self.params: tuple[str, ...] = ()
        self.version = ""
        self.wrong_location_status = 403
        self.refusal: Refusal | None = None
        """What authorisation answers whatever the token is, see the fault `refused`."""
        self.is_form = False
        """Whether the body calls itself a form."""
        self.on_behalf: tuple[str | None, str | None] = (None, None)
        """For an open operation: the app, and the location or company, that the log is to name."""

    @property
    def v3(self) -> bool:
        """Whether the caller speaks the younger generation (facts 13)."""
        return self.version == "v3"

    def json(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object.

        Raises:
            Refusal: 400 for anything else.
        """
        try:
            body = msgspec.json.decode(self.body or b"{}")
        except msgspec.DecodeError:
            raise bad_request("Unexpected token in JSON") from None  # wording [guess]
        if not isinstance(body, dict):
            raise bad_request("Unexpected token in JSON")
        return body

    def fields(self) -> dict[str, Any]:
        """Return the body, a form or a JSON object.

        Raises:
            Refusal: 400 for anything else.
        """
        # facts 1 [spec]: /oauth/* is form-encoded; facts 9.2 [docs]: and takes JSON
        if self.is_form:
            return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        return self.json()

    def expect_query(self, allowed: frozenset[str], *, location: bool = True) -> None:
        """Validate the query: no unknown names, and a `locationId` where one is needed.

        Raises:
            Refusal: 422 with a list.
        """
        # facts 1 [issue]: any query parameter outside the DTO is rejected with 422
        messages = [f"property {name} should not exist" for name in self.query if name not in allowed]
        if location and not self.query.get("locationId"):  # facts 5.2 [blog]: missing locationId -> 422
            messages += ["locationId must be a string", "locationId should not be empty"]
        if messages:
            raise unprocessable(messages)

    def whole_number(self, name: str, default: int, lowest: int, highest: int | None) -> int:
        """Read a number sent as a string in the query.

        Raises:
            Refusal: 422 when it is no number or out of bounds.
        """
        text = self.query.get(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise unprocessable([f"{name} must be a number conforming to the specified constraints"])
        value = int(text)
        if value < lowest:
            raise unprocessable([f"{name} must not be less than {lowest}"])
        if highest is not None and value > highest:
            raise unprocessable([f"{name} must not be greater than {highest}"])
        return value

    def need_scope(self, scope: str, access: _Access = "location") -> None:
        """Authorise for an operation, wherever it goes.

        `access` is which class of token may call it: facts 2.1 [spec], where "agency" is Agency-Access-Only and
        "either" is Location-Access or Agency-Access.

        Raises:
            Refusal: 401 for a missing scope, 401 or 403 for a token of another class, or the refusal that is in force.
        """
        if self.refusal is not None:
            raise self.refusal
        wrong_class = access != "either" and bool(self.token.company_id) != (access == "agency")
        private = self.token.app == "pit"
        if wrong_class and not private:
            raise auth_class_refused(self.oauth.rules.auth_class_status)
        # facts 2.4 [blog xN]: so is an agency PIT on contacts, and any PIT on the OAuth exchange
        if wrong_class or (private and access == "agency") or scope not in self.token.scopes:
            raise scope_missing()

    def location(self, location_id: str, scope: str = CONTACTS_SCOPE, access: _Access = "location") -> Location:
        """Authorise for a location; an agency's token has all those of the agency.

        Raises:
            Refusal: 401 for a missing scope, 403 or 401 for another location, or what `need_scope` raises.
        """
        self.need_scope(scope, access)
        found = self.state.locations.get(location_id)
        if found is None or not (
            found.place.company_id == self.token.company_id
            if self.token.company_id
            else location_id in self.token.locations
        ):
            raise wrong_location(self.wrong_location_status)
        return found

    def contact(self, contact_id: str, scope: str = CONTACTS_SCOPE) -> tuple[Location, Ref]:
        """Authorise for a contact and find it.

        Raises:
            Refusal: 422 for any query, 401 for a missing scope, 400 for an unknown contact, 403 or 401 for one of
                another location.
        """
        if contact_id != "lookup":  # facts 5.2 [blog]: under a date version it is a 400, query and all
            self.expect_query(frozenset(), location=False)
        self.need_scope(scope)
        found = self.state.locate(contact_id, self.token.locations)
        if found is None:
            raise contact_not_found(contact_id)
        self.own(found[0])
        return found

    def own(self, location: Location) -> None:
        """Authorise for the location of something that was found by its id.

        Raises:
            Refusal: 403 or 401 for another location.
        """
        if location.id not in self.token.locations:
            raise wrong_location(self.wrong_location_status)


class Operation(NamedTuple):
    """One route; the `{name}` parts of its template reach `answer` in `call.params`.

    The answer is a JSON object, encoded, without its `traceId`. Of two generations of one path each knows its own.
    """

    method: str
    template: str
    answer: Callable[[Call], bytes]
    only_v3: bool = False
    only_dated: bool = False
    status: int = 200
    """That of a success."""
    writes: bool = False
    """Whether it changes anything: then the log keeps its body."""
    creates: bool = False
    """Whether it makes a record anew: then the fault `created_but_422` can strike it."""
    is_open: bool = False
    """Whether it needs no token and no Version, and draws on no quota."""
    secret: bool = False
    """Whether its bodies hold secrets: then the log keeps none, and a cut answer shows nothing of its body."""
