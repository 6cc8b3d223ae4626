"""What an upsert would lose in silence, found by asking first whom its e-mail and its phone belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import BadRequest, Forbidden, NotFound, Unauthorized, Unprocessable, UsageError
from ..models import Contact
from ..wire.request import Request
from ._contact_reads import SCOPE, duplicate_of
from ._contact_sight import dialled, same_phone
from ._decode import Envelope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..models import LocationId
    from ..wire.request import Send

__all__ = ["UpsertCheck"]

_UNCHECKED = "check=False sends it all the same"


class UpsertCheck:
    """Asks for the contacts of one location."""

    def __init__(self, send: Send, location_id: LocationId) -> None:
        self._send = send
        self._location_id = location_id
        self._may_look_up = True
        """Until the server says that this token may not: the lookup is for OAuth tokens alone."""

    async def __call__(self, body: Mapping[str, Any]) -> None:
        """Refuse the body of an upsert that would lose data; see `ContactWrites.upsert`.

        Raises:
            UsageError: names the field; nothing was written.
        """
        email, phone = body.get("email"), dialled(body.get("phone"))
        by_email = await self._holder(email) if email else None
        by_phone = await duplicate_of(self._send, self._location_id, phone=phone) if phone else None
        _refuse_two(by_email, by_phone)
        if by_email and by_email.email and by_email.email.casefold() != str(email).casefold():
            raise UsageError(
                f"email: it is an additional one of the contact {by_email.id}, and contacts.upsert would put it in the "
                f"place of the primary one, which is lost then (vendor issue 337); {_UNCHECKED}"
            )
        if by_phone and not by_email and by_phone.phone and not same_phone(str(phone), by_phone.phone):
            raise UsageError(
                f"phone: it is an additional one of the contact {by_phone.id}, and contacts.upsert would put it in the "
                f"place of the primary one, as it does with e-mails (vendor issue 337); {_UNCHECKED}"
            )
        there = by_email or by_phone
        if there and "gender" in body:
            raise UsageError(
                f"gender: the contact {there.id} is there already, and contacts.upsert would drop it in silence "
                f"(vendor issue 313): leave it out; {_UNCHECKED}"
            )

    async def _holder(self, email: str) -> Contact | None:
        """Who has the e-mail, as the primary one or as an additional one.

        Whether the duplicate search knows additional ones is not documented; the lookup does.
        """
        found = await duplicate_of(self._send, self._location_id, email=email)
        if found is not None or not self._may_look_up:
            return found
        request = Request(
            operation="contacts.lookup",
            method="GET",
            template="/contacts/lookup",
            query=(("locationId", self._location_id), ("limit", "1"), ("email", email)),
            version="v3",
            scope=SCOPE,
        )
        try:
            reply = await self._send(request)
        except (Unauthorized, Forbidden, NotFound):
            self._may_look_up = False
            return None
        except (BadRequest, Unprocessable):
            return None  # it is this e-mail that the server does not like; the upsert will say so
        return next(iter(Envelope(reply, request.operation).many(Contact, "contacts").items), None)


def _refuse_two(by_email: Contact | None, by_phone: Contact | None) -> None:
    if by_email and by_phone and by_email.id != by_phone.id:
        raise UsageError(
            f"phone: the e-mail belongs to the contact {by_email.id} and the phone to {by_phone.id}; contacts.upsert "
            f"would ignore one of them (vendor issue 37): update the contact that you mean; {_UNCHECKED}"
        )
