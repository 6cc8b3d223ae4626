"""Whether a contact that is found is the one that a lost create made."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import GHLError
from ..models import Contact, ContactDraft, ContactQuery
from ._contact_reads import contact_by_id, duplicate_of, searched
from ._creation import Creations, Sight, contradicts, first_new, folded, unless_other
from ._search import search_body
from ._since import Since

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from msgspec import UnsetType

    from ..models import ContactId, LocationId
    from ..wire.request import Send

__all__ = ["ContactSight", "dialled", "same_phone"]

_SEARCHED_BACK = timedelta(minutes=15)
_NOT_DIGITS = re.compile(r"\D+")
_END_OF_NUMBER = 7


class ContactSight:
    """Looks for the contact that one draft describes, by its e-mail and phone."""

    def __init__(
        self,
        send: Send,
        location_id: LocationId,
        draft: ContactDraft,
        creations: Creations,
        besides: Collection[ContactId] = (),
    ) -> None:
        self._besides = besides
        self._location_id = location_id
        self._creations = creations
        self._since = Since()
        self._send = self._since.watch(send)
        self._email = _text(draft.email)
        self._phone = dialled(_text(draft.phone))
        self._draft = draft
        self._name = " ".join(filter(None, (_text(draft.first_name), _text(draft.last_name)))) or _text(draft.name)

    def begin(self, at: datetime | None = None) -> None:
        """Take note of the time: what is made from now on may be ours, or what was made since `at`."""
        self._since.begin(at)

    @property
    def is_possible(self) -> bool:
        """Whether the draft has anything to look by."""
        return bool(self._email or self._phone)

    @property
    def keys(self) -> list[tuple[str, str]]:
        """What creates have in common of which one might take the other's contact: the e-mail, the phone."""
        keys = [("email", self._email.casefold())] if self._email else []
        # The end of the number: it is the same with the country and without.
        return [*keys, ("phone", _NOT_DIGITS.sub("", self._phone)[-_END_OF_NUMBER:])] if self._phone else keys

    async def look(self, to_come: int) -> Contact | Sight:
        """Look once, by the duplicate search and in the end by the contact search.

        The first alone is not enough: it may answer with an older contact of the same address where the location
        allows duplicates, and with none where the location does not recognise contacts by what the draft has.

        Cost: 1 request; the last look 2.
        API: GET /contacts/search/duplicate
        API: POST /contacts/search
        """
        found = await duplicate_of(self._send, self._location_id, email=self._email, phone=self._phone)
        first = [] if found is None else [found]
        sight = self.judge(first)
        if to_come or not isinstance(sight, Sight):
            return sight
        query = ContactQuery(
            email=self._email,
            phone=None if self._email else self._phone,
            added_since=self._since.instant - _SEARCHED_BACK,
        )
        page = await searched(self._send, search_body(self._location_id, query))
        sight = self.judge([*first, *page.items])
        if sight is Sight.ABSENT and (page.quarantined or not (self._email or (self._phone or "").startswith("+"))):
            # A record that cannot be read may be ours, and a number without its country is stored as another one.
            return Sight.UNDECIDED
        return sight

    async def read(self, contact_id: ContactId) -> Contact | None:
        """The contact that a refusal named, or None: the refusal then says more.

        Cost: 1 request.
        API: GET /contacts/{contactId}
        """
        try:
            return await contact_by_id(self._send, contact_id)
        except GHLError:
            return None

    def judge(self, candidates: Iterable[Contact]) -> Contact | Sight:
        """Of these contacts the one that is ours, or what is known otherwise.

        A new one with our e-mail or our phone that has something else than the draft is neither ours nor nobody's.
        """
        others = (each for each in candidates if each.id not in self._besides and not self._creations.gave(each.id))
        near = (each for each in others if any(self._has(each)))
        return first_new(
            (each, unless_other(self._since.is_before(each.date_added), self._differs(each))) for each in near
        )

    def _has(self, contact: Contact) -> list[bool]:
        """Whether the contact has what the draft has of e-mail and phone."""
        has = [] if self._email is None else [(contact.email or "").casefold() == self._email.casefold()]
        return has if self._phone is None else [*has, same_phone(self._phone, contact.phone)]

    def _differs(self, contact: Contact) -> bool:
        if not all(self._has(contact)) or (self._name and folded(self._name) != folded(contact.full_name or "")):
            return True
        draft = self._draft
        return (
            contradicts(draft.city, contact.city)
            or contradicts(draft.address1, contact.street)
            or contradicts(draft.postal_code, contact.postal_code)
            or contradicts(draft.source, contact.source)
            or contradicts(draft.company_name, contact.company_name)
        )


def dialled(phone: str | None) -> str | None:
    """A number with its country as E.164, any other one as it is: ("+1 888-888-8888") gives "+18888888888"."""
    return "+" + _NOT_DIGITS.sub("", phone) if phone and phone.strip().startswith("+") else phone


def same_phone(given: str, stored: str | None) -> bool:
    """Whether the server may have stored `given` as `stored`, which is E.164; `given` may lack the country."""
    digits = _NOT_DIGITS.sub("", stored or "")
    wanted = _NOT_DIGITS.sub("", given)
    return digits == wanted if given.startswith("+") else bool(digits) and digits.endswith(wanted.lstrip("0"))


def _text(value: str | UnsetType | None) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
