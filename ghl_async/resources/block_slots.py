"""Block slots: times in which a calendar or a user cannot be booked."""

from __future__ import annotations

import builtins  # inside the class `list` is the method
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..models import BlockSlot, BlockSlotChanges, BlockSlotDraft
from ..wire.request import Request
from ._creation import Creations, Sight, create_once
from ._decode import Envelope, expect_success, flat, whole
from ._drafts import check_times, written
from ._search import require_text
from ._sights import same_instant, same_text, seconds_of, sight_of_dated
from ._since import Since
from ._window import window

if TYPE_CHECKING:
    from ..models import BlockSlotId, CalendarId, LocationId, UserId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["BlockSlots"]

_VERSION = "2021-04-15"
_READ, _WRITE = "calendars/events.readonly", "calendars/events.write"
_AROUND = timedelta(minutes=1)


class BlockSlots:
    """The block slots of one location's calendars and users."""

    def __init__(self, send: Send, location_id: LocationId, *, creations: Creations | None = None) -> None:
        self._send = send
        self.location_id = location_id
        self._creations = creations or Creations()

    async def list(
        self,
        *,
        since: datetime,
        before: datetime,
        calendar_id: CalendarId | None = None,
        user_id: UserId | None = None,
        group_id: str | None = None,
    ) -> builtins.list[BlockSlot]:
        """List the block slots of one calendar, one user or one group of calendars, in one window of time.

        Args:
            since: aware; where the window begins, in whole milliseconds.
            before: aware; where it ends.
            calendar_id: exactly one of the three is needed.

        Raises:
            UsageError: an argument is outside the rules; nothing was sent.
            ScopeMissing: the token lacks calendars/events.readonly.
            DecodeError: the reply has not the promised shape, or one block slot of it; `page` goes on over such a one.

        Cost: 1 request, however many block slots.
        API: GET /calendars/blocked-slots
        """
        return whole(
            await self.page(since=since, before=before, calendar_id=calendar_id, user_id=user_id, group_id=group_id)
        )

    async def page(
        self,
        *,
        since: datetime,
        before: datetime,
        calendar_id: CalendarId | None = None,
        user_id: UserId | None = None,
        group_id: str | None = None,
    ) -> Page[BlockSlot]:
        """List as `list` does; a block slot that does not decode is in `quarantined`, with its JSON.

        It is the only page: `cursor` is None.

        Raises:
            UsageError: an argument is outside the rules; nothing was sent.
            ScopeMissing: the token lacks calendars/events.readonly.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request, however many block slots.
        API: GET /calendars/blocked-slots
        """
        times = window(since, before)
        owners = {"calendarId": calendar_id, "userId": user_id, "groupId": group_id}
        given = [(name, value) for name, value in owners.items() if value is not None]
        if len(given) != 1:
            raise UsageError("block_slots.list needs exactly one of calendar_id, user_id and group_id")
        require_text(*given[0])
        request = Request(
            operation="block_slots.list",
            method="GET",
            template="/calendars/blocked-slots",
            query=(("locationId", self.location_id), *given, *times),
            version=_VERSION,
            scope=_READ,
        )
        return Envelope(await self._send(request), request.operation).many(BlockSlot, "events")

    async def create(self, draft: BlockSlotDraft, /) -> BlockSlot:
        """Block a time of one calendar or of one user.

        A create is never repeated blindly. Where its answer is lost, or is a 422, the block slots around that time are
        listed, four times within 7 s: if there is an equal one that is new it is returned; if not, it is made again,
        and the 422 is raised. Where the server sends no dates with block slots, an equal one leaves the outcome
        unknown.

        Raises:
            UsageError: a field is wrong, or not exactly one of `calendar_id` and `assigned_user_id` is given
                (https://github.com/GoHighLevel/highlevel-api-docs/issues/23); nothing was sent.
            ErrorReply: the server refused; see `.messages`.
            OutcomeUnknown: it may or may not have been created; `.draft` is the draft.

        Cost: 1 request; 1 to 4 more where the answer was lost, and 1 for each time it is made again.
        API: POST /calendars/events/block-slots
        """
        request = self._request("block_slots.create", "POST", "", self._body("block_slots.create", draft))
        whose = ("block", draft.calendar_id or draft.assigned_user_id)
        async with self._creations.turns((whose, second) for second in seconds_of(draft.start_time)):
            since = Since()

            async def make() -> BlockSlot:
                return flat(await self._send(request), request.operation, BlockSlot, "event")

            async def look(_to_come: int) -> BlockSlot | Sight:
                return await self._sight(draft, since)

            slot = await create_once(request.operation, draft, make, look)
            self._creations.give(slot.id)
            return slot

    async def update(self, block_slot_id: BlockSlotId, changes: BlockSlotChanges, /) -> BlockSlot:
        """Change one block slot; whose it is must be said again.

        Setting the same values twice is harmless, so this call is retried after a lost answer.

        Raises:
            UsageError: a field is wrong, or not exactly one of `calendar_id` and `assigned_user_id` is given
                (https://github.com/GoHighLevel/highlevel-api-docs/issues/23); nothing was sent.
            NotFound: there is no such block slot.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: PUT /calendars/events/block-slots/{eventId}
        """
        body = self._body("block_slots.update", changes)
        request = self._request("block_slots.update", "PUT", "/{eventId}", body, block_slot_id)
        return flat(await self._send(request), request.operation, BlockSlot, "event")

    async def delete(self, block_slot_id: BlockSlotId, /) -> None:
        """Delete one block slot.

        It is retried after a lost answer; that it is not found then means that it is done.

        Raises:
            NotFound: there is no such block slot.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request.
        API: DELETE /calendars/events/{eventId}
        """
        request = Request(
            operation="block_slots.delete",
            method="DELETE",
            template="/calendars/events/{eventId}",
            ids=(block_slot_id,),
            body={},  # the published schema demands one, and describes no property of it
            version=_VERSION,
            scope=_WRITE,
        )
        expect_success(await self._send(request), request.operation)

    def _request(self, operation: str, method: str, rest: str, body: dict[str, Any], *ids: str) -> Request:
        return Request(
            operation=operation,
            method=method,
            template="/calendars/events/block-slots" + rest,
            ids=ids,
            body=body,
            version=_VERSION,
            idempotent=method != "POST",
            scope=_WRITE,
        )

    def _body(self, operation: str, given: BlockSlotDraft | BlockSlotChanges) -> dict[str, Any]:
        kind = BlockSlotDraft if operation == "block_slots.create" else BlockSlotChanges
        body = written(operation, kind, given)
        if ("calendarId" in body) == ("assignedUserId" in body):
            raise UsageError(f"calendar_id: {operation} needs exactly one of it and assigned_user_id (vendor issue 23)")
        check_times(operation, given.start_time, given.end_time)
        return {"locationId": self.location_id, **body}

    async def _sight(self, draft: BlockSlotDraft, since: Since) -> BlockSlot | Sight:
        page = await BlockSlots(since.watch(self._send), self.location_id).page(
            since=draft.start_time - _AROUND,
            before=draft.end_time + _AROUND,
            calendar_id=draft.calendar_id or None,
            user_id=draft.assigned_user_id or None,
        )
        alike = (
            each
            for each in page.items
            if same_instant(draft.start_time, each.start_time)
            and same_instant(draft.end_time, each.end_time)
            and same_text(draft.title, each.title)
            and not each.deleted
        )
        sight = sight_of_dated(alike, since, self._creations)
        return Sight.UNDECIDED if sight is Sight.ABSENT and page.quarantined else sight
