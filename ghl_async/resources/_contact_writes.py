"""The writes of contacts; `Contacts` has them together with the reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import DecodeError, DuplicateContact, OutcomeUnknown, UsageError
from ..models import Contact, ContactChanges, ContactDraft, Upserted
from ..wire.request import Request
from ._contact_body import contact_body, refuse_tags
from ._contact_reads import duplicate_of
from ._contact_sight import ContactSight
from ._creation import Creations, Sight, create_once, find_created
from ._decode import Envelope, expect_success, texts
from ._drafts import one_draft
from ._reference import Reference
from ._search import require_bool, require_instant, require_list
from ._upsert_check import UpsertCheck

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from ..dictionary import Dictionary
    from ..models import ContactId, LocationId, UserId
    from ..wire.request import Reply, Send
    from ._contact_body import Generation

__all__ = ["ContactWrites"]

_SCOPE = "contacts.write"
_NO_READ = "the draft has neither e-mail nor phone"


class ContactWrites:
    """Creates, changes and deletes contacts of one location."""

    def __init__(
        self,
        send: Send,
        location_id: LocationId,
        *,
        generation: Generation = "v2",
        dictionary: Dictionary | None = None,
        creations: Creations | None = None,
    ) -> None:
        self._send = send
        self.location_id = location_id
        self._generation: Generation = generation
        self._creations = creations or Creations()
        self._check = UpsertCheck(send, location_id)
        self._reference = Reference(dictionary, generation)

    async def create(self, draft: ContactDraft, /, *, send_refused: bool = False) -> Contact:
        """Create one contact: `ContactDraft(first_name="Ann", email="ann@example.com")`.

        A create is never repeated blindly. Where its answer is lost, or is a 422
        (https://github.com/GoHighLevel/highlevel-api-docs/issues/64: created all the same), the contact is looked for
        by its e-mail and phone, four times within 7 s: found and new, it is returned; not found, it is made again, and
        the 422 is raised. A draft without e-mail and phone cannot be looked for.

        Args:
            send_refused: sends also what the API is known to refuse: `additional_emails`, `additional_phones`
                (https://github.com/GoHighLevel/highlevel-api-docs/issues/262).

        Raises:
            UsageError: a field is wrong, or refused by the API; nothing was written.
            DuplicateContact: the location has a contact with this e-mail or phone: see `.contact_id`.
            Unprocessable: the server refused a field; see `.messages`.
            OutcomeUnknown: it may or may not have been created; `.draft` is the draft.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request; 1 to 5 more where the answer was lost or a 422, and 1 for each time it is made again. What
            `custom_fields` and a phone without country need to know of the location is in `ghl.dictionary`.
        API: POST /contacts/
        """
        one_draft("contacts.create", ContactDraft, draft)
        body = {"locationId": self.location_id, **await self.check(draft, send_refused=send_refused)}
        request = self._request("contacts.create", "POST", "/contacts/", body=body, idempotent=False)
        return (await self._created(request, draft, phone=body.get("phone"))).contact

    async def find_created(
        self, draft: ContactDraft, /, *, since: datetime, besides: Collection[ContactId] = ()
    ) -> Contact | None:
        """Say what became of a create that an earlier process left open: the contact, or None if none was made.

        It is looked for as `create` does it after a lost answer: by its e-mail and phone, four times within 7 s.

        Args:
            since: when that create began, by this machine's clock (aware). What was added after it is taken for its.
            besides: contacts that other creates have made.

        Raises:
            UsageError: a field is wrong.
            OutcomeUnknown: it cannot be told: the draft has neither e-mail nor phone, or there is one like it.

        Cost: 1 request if it is found at once, 5 if none was made.
        API: GET /contacts/search/duplicate
        API: POST /contacts/search
        """
        operation = "contacts.find_created"
        require_instant("since", since)
        body = contact_body(operation, ContactDraft, draft, self._generation, send_refused=True)
        await self._reference.settle(operation, body)
        as_sent = msgspec.structs.replace(draft, phone=body.get("phone"))
        # Not with what this client itself has made: that may be the very one, whose outcome was never noted.
        sight = ContactSight(self._send, self.location_id, as_sent, Creations(), besides)
        if not sight.is_possible:
            raise OutcomeUnknown(
                f"{operation}: it may or may not have been created: {_NO_READ}", operation=operation, draft=draft
            )
        async with self._creations.turns(sight.keys):
            sight.begin(since)
            found = await find_created(operation, draft, sight.look)
            if found is not None:
                self._creations.give(found.id)
            return found

    async def check(
        self,
        given: ContactDraft | ContactChanges,
        /,
        *,
        upsert: bool = False,
        replace_tags: bool = False,
        send_refused: bool = False,
    ) -> dict[str, Any]:
        """Make the body that `create`, `update` or `upsert` would send, without sending it.

        What an upsert asks the server before it writes is not asked.

        Raises:
            UsageError: what the write would raise before it sends.

        Cost: 0 requests. What `custom_fields` and a phone without country need to know is in `ghl.dictionary`.
        """
        is_update = isinstance(given, ContactChanges)
        operation = "contacts.update" if is_update else "contacts.upsert" if upsert else "contacts.create"
        kind = ContactChanges if is_update else ContactDraft
        body = contact_body(operation, kind, given, self._generation, send_refused=send_refused)
        if is_update or upsert:
            refuse_tags(operation, body, replace_tags=replace_tags)
        if upsert:
            _require_recognisable(body)
        await self._reference.settle(operation, body)
        return body

    async def update(
        self,
        contact_id: ContactId,
        changes: ContactChanges,
        /,
        *,
        replace_tags: bool = False,
        send_refused: bool = False,
    ) -> Contact:
        """Change one contact: `ContactChanges(last_name=None)` clears the last name and leaves the rest.

        Setting the same values twice is harmless, so this call is retried after a lost answer.

        Args:
            replace_tags: lets `tags` through, which replaces the whole set; `ghl.tags` adds and removes single ones.
            send_refused: sends also what updates are known to refuse: `company_name`, `gender`, `additional_emails`,
                `additional_phones` (https://github.com/GoHighLevel/highlevel-api-docs/issues/313 and 262).

        Raises:
            UsageError: a field is wrong, or refused by the API or by a guard; nothing was written.
            NotFound: no contact of this location has the id.
            DuplicateContact: another contact has this e-mail or phone: see `.contact_id`.
            Unprocessable: the server refused a field; see `.messages`.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request. What `custom_fields` and a phone without country need to know of the location is in
            `ghl.dictionary`.
        API: PUT /contacts/{contactId}
        """
        operation = "contacts.update"
        one_draft(operation, ContactChanges, changes)
        body = await self.check(changes, replace_tags=replace_tags, send_refused=send_refused)
        request = self._request(operation, "PUT", "/contacts/{contactId}", contact_id, body=body)
        return _upserted(await self._send(request), operation).contact

    async def upsert(
        self,
        draft: ContactDraft,
        /,
        *,
        replace_tags: bool = False,
        check: bool = True,
        new_if_allowed: bool = False,
        send_refused: bool = False,
    ) -> Upserted:
        """Create a contact, or update the one that the location recognises by the draft's e-mail or phone.

        The location's settings say which of the two decides. What the draft does not set stays as it is.

        A second upsert meets the contact of the first one only where the location recognises contacts by what the
        draft has: so after a lost answer the duplicate search is asked, and if it finds a contact the call is retried;
        `new` then speaks of the last one. If it finds none, the outcome is resolved as by `create`; so it is with
        `new_if_allowed`.

        Args:
            replace_tags: lets `tags` through, which replaces the whole set; `ghl.tags.add` adds to it.
            check: asks first whom the e-mail and the phone belong to, and refuses what would lose data in silence: the
                two belong to two contacts, and one of them is ignored
                (https://github.com/GoHighLevel/highlevel-api-docs/issues/37); one of them is additional, and would
                replace the primary one (https://github.com/GoHighLevel/highlevel-api-docs/issues/337); `gender`, which
                is dropped where the contact is there already
                (https://github.com/GoHighLevel/highlevel-api-docs/issues/313). Another program may still come between.
                Only the lookup promises to show an additional e-mail, and it is for OAuth tokens alone.
            new_if_allowed: creates a new contact at once where the location allows duplicates.
            send_refused: as for `create`.

        Raises:
            UsageError: a field is wrong, or refused by the API or by a guard; nothing was written.
            Unprocessable: the server refused a field; see `.messages`.
            OutcomeUnknown: see `create`; not where the location recognises contacts by what the draft has.
            DecodeError: a reply to the check has not the promised shape.

        Cost: 1 request, and with `check` 1 for the e-mail, 1 for the phone, and 1 more for an e-mail that nobody has as
            the primary one (with tokens that may not look up: once). For `custom_fields` and phones see `create`.
        API: POST /contacts/upsert
        """
        operation = "contacts.upsert"
        require_bool("check", check)
        require_bool("new_if_allowed", new_if_allowed)
        one_draft(operation, ContactDraft, draft)
        body = await self.check(draft, upsert=True, replace_tags=replace_tags, send_refused=send_refused)
        body["locationId"] = self.location_id
        if new_if_allowed:
            body["createNewIfDuplicateAllowed"] = True
        elif check:
            await self._check(body)
        request = self._request(operation, "POST", "/contacts/upsert", body=body, idempotent=False)
        if new_if_allowed:
            return await self._created(request, draft, phone=body.get("phone"))
        return await self._upserted_once(request, draft, body)

    async def delete(self, contact_id: ContactId, /) -> None:
        """Delete one contact, with its tasks, notes and appointments.

        It is retried after a lost answer; that the contact is not found then means that it is done.

        Raises:
            NotFound: no contact of this location has the id.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request.
        API: DELETE /contacts/{contactId}
        """
        request = self._request("contacts.delete", "DELETE", "/contacts/{contactId}", contact_id)
        expect_success(await self._send(request), request.operation)

    async def add_followers(self, contact_id: ContactId, user_ids: Sequence[UserId], /) -> list[UserId]:
        """Let users follow a contact, and get all that follow it then.

        Following twice is harmless, so this call is retried after a lost answer.

        Raises:
            UsageError: `user_ids` is not a list of at least one id; nothing was sent.
            NotFound: no contact of this location has the id.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: POST /contacts/{contactId}/followers
        """
        return await self._follow("contacts.add_followers", "POST", contact_id, user_ids)

    async def remove_followers(self, contact_id: ContactId, user_ids: Sequence[UserId], /) -> list[UserId]:
        """Let users no longer follow a contact, and get all that still do.

        Removing twice is harmless, so this call is retried after a lost answer.

        Raises:
            UsageError: `user_ids` is not a list of at least one id; nothing was sent.
            NotFound: no contact of this location has the id.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: DELETE /contacts/{contactId}/followers
        """
        return await self._follow("contacts.remove_followers", "DELETE", contact_id, user_ids)

    async def _created(self, request: Request, draft: ContactDraft, *, phone: str | None) -> Upserted:
        as_sent = msgspec.structs.replace(draft, phone=phone)
        sight = ContactSight(self._send, self.location_id, as_sent, self._creations)
        is_again = False

        async def make() -> Upserted:
            nonlocal is_again
            is_first, is_again = not is_again, True
            try:
                return _upserted(await self._send(request), request.operation)
            except DuplicateContact as duplicate:
                # What an earlier try made may be seen late by searches, and by this refusal first.
                found = None if is_first or not duplicate.contact_id else await sight.read(duplicate.contact_id)
                ours = Sight.ABSENT if found is None else sight.judge([found])
                if isinstance(ours, Sight):
                    raise
                return Upserted(contact=ours, new=True)

        async def look(to_come: int) -> Upserted | Sight:
            seen = await sight.look(to_come)
            return seen if isinstance(seen, Sight) else Upserted(contact=seen, new=True)

        async with self._creations.turns(sight.keys):
            sight.begin()
            made = await create_once(
                request.operation, draft, make, look if sight.is_possible else None, unseen=_NO_READ
            )
            self._creations.give(made.contact.id)
            return made

    async def _upserted_once(self, request: Request, draft: ContactDraft, body: dict[str, Any]) -> Upserted:
        email, phone = body.get("email"), body.get("phone")
        as_sent = msgspec.structs.replace(draft, phone=phone)
        sight = ContactSight(self._send, self.location_id, as_sent, self._creations)
        losses: list[OutcomeUnknown | DecodeError] = []

        async def make() -> Upserted:
            if losses:
                raise losses.pop()
            return _upserted(await self._send(request), request.operation)

        async def look(to_come: int) -> Upserted | Sight:
            if await duplicate_of(self._send, self.location_id, email=email, phone=phone):
                # Search and upsert go by the same settings of the location, so once more is harmless.
                again = msgspec.structs.replace(request, idempotent=True)
                return _upserted(await self._send(again), request.operation)
            seen = await sight.look(to_come)
            return seen if isinstance(seen, Sight) else Upserted(contact=seen, new=True)

        async with self._creations.turns(sight.keys):
            sight.begin()
            try:
                done = await make()  # apart, so that a 422 that was not preceded by a loss is raised at once
            except (OutcomeUnknown, DecodeError) as lost:
                losses.append(lost)
                done = await create_once(request.operation, draft, make, look)
            # Found or made, it is there already when a later create looks for what it made.
            self._creations.give(done.contact.id)
            return done

    async def _follow(self, operation: str, method: str, contact_id: str, user_ids: Sequence[str]) -> list[str]:
        require_list("user_ids", user_ids)
        body = {"followers": list(user_ids)}
        request = self._request(operation, method, "/contacts/{contactId}/followers", contact_id, body=body)
        return texts(await self._send(request), operation, "followers")

    def _request(
        self, operation: str, method: str, template: str, *ids: str, body: object = None, idempotent: bool = True
    ) -> Request:
        return Request(
            operation=operation,
            method=method,
            template=template,
            ids=ids,
            body=body,
            idempotent=idempotent,
            scope=_SCOPE,
        )


def _require_recognisable(body: dict[str, Any]) -> None:
    if not (body.get("email") or body.get("phone")):
        raise UsageError("email: contacts.upsert needs it, or phone, to recognise the contact; create needs neither")


def _upserted(reply: Reply, operation: str) -> Upserted:
    envelope = Envelope(reply, operation).expect_success()
    return Upserted(contact=envelope.one(Contact, "contact"), new=envelope.optional("new", bool))
