"""One request on its way through the checks, and the operation it is for.

The order of refusals is that of facts 2.4 [blog]: bad token > missing Version > validation (422) > authorisation
(401/403). The first two are the server's; an operation validates first and then asks this class for the location or
the contact, which authorises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from .refusals import Refusal, bad_request, contact_not_found, scope_missing, unprocessable, wrong_location

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .location import Location, Ref
    from .state import State, Token

__all__ = ["CONTACTS_SCOPE", "CONTACTS_WRITE", "EVENTS_SCOPE", "EVENTS_WRITE", "Call", "Operation"]

CONTACTS_SCOPE = "contacts.readonly"
CONTACTS_WRITE = "contacts.write"
EVENTS_SCOPE = "calendars/events.readonly"
EVENTS_WRITE = "calendars/events.write"


class Call:
    """A request with a good token and a good Version."""

    __slots__ = ("body", "params", "query", "refusal", "state", "token", "version", "wrong_location_status")

    def __init__(self, state: State, token: Token, query: Mapping[str, str], body: bytes) -> None:
        """Take what every operation needs; the server adds `params` and `version`."""
        self.state = state
        self.token = token
        self.query = query
        self.body = body
        self.params: tuple[str, ...] = ()
        self.version = ""
        self.wrong_location_status = 403
        self.refusal: Refusal | None = None
        """What authorisation answers whatever the token is, see the fault `refused`."""

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

    def need_scope(self, scope: str) -> None:
        """Authorise for an operation, wherever it goes.

        Raises:
            Refusal: 401 for a missing scope, or the refusal that is in force.
        """
        if self.refusal is not None:
            raise self.refusal
        if scope not in self.token.scopes:
            raise scope_missing()

    def location(self, location_id: str, scope: str = CONTACTS_SCOPE) -> Location:
        """Authorise for a location.

        Raises:
            Refusal: 401 for a missing scope, 403 or 401 for another location.
        """
        self.need_scope(scope)
        if location_id not in self.token.locations or location_id not in self.state.locations:
            raise wrong_location(self.wrong_location_status)
        return self.state.locations[location_id]

    def contact(self, contact_id: str, scope: str = CONTACTS_SCOPE) -> tuple[Location, Ref]:
        """Authorise for a contact and find it.

        Raises:
            Refusal: 422 for any query, 401 for a missing scope, 400 for an unknown contact, 403 or 401 for one of
                another location.
        """
        if contact_id != "lookup":  # facts 5.2 [blog]: under a date version it is a 400, query and all
            self.expect_query(frozenset(), location=False)
        self.need_scope(scope)
        found = self.state.locate(contact_id)
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
