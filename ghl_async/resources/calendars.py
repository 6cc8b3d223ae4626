"""The calendars of the location, and when they can be booked."""

from __future__ import annotations

import builtins  # inside the class `list` is the method
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ..models import Calendar
from ..wire.request import Request
from ._decode import Envelope, whole
from ._search import require_text
from ._window import window

if TYPE_CHECKING:
    from ..models import CalendarId, LocationId, UserId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["Calendars"]

_VERSION = "2021-04-15"
_SCOPE = "calendars.readonly"
_LONGEST_WINDOW = timedelta(days=31)


class _Slots(msgspec.Struct):
    """The free times of one day."""

    slots: list[datetime]


class Calendars:
    """The calendars of one location."""

    def __init__(self, send: Send, location_id: LocationId) -> None:
        self._send = send
        self.location_id = location_id

    async def list(self) -> list[Calendar]:
        """List all calendars of the location, drafts included.

        Raises:
            WrongLocation: the token belongs to another location.
            DecodeError: the reply has not the promised shape, or one calendar of it; `page` goes on over such a one.

        Cost: 1 request.
        API: GET /calendars/
        """
        return whole(await self.page())

    async def page(self) -> Page[Calendar]:
        """List all calendars of the location; one that does not decode is in `quarantined`, with its JSON.

        It is the only page: `cursor` is None.

        Raises:
            WrongLocation: the token belongs to another location.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /calendars/
        """
        request = Request(
            operation="calendars.list",
            method="GET",
            template="/calendars/",
            query=(("locationId", self.location_id),),
            version=_VERSION,
            scope=_SCOPE,
        )
        return Envelope(await self._send(request), request.operation).many(Calendar, "calendars")

    async def free_slots(
        self,
        calendar_id: CalendarId,
        /,
        *,
        since: datetime,
        before: datetime,
        timezone: str | None = None,
        user_id: UserId | None = None,
    ) -> dict[date, builtins.list[datetime]]:
        """List the times at which one calendar can be booked, by day: {date(2026, 1, 5): [datetime(...), ...]}.

        The times are aware. Days without a free time may be missing.

        Args:
            since: aware; where the window begins, in whole milliseconds.
            before: aware; at most 31 days later.
            timezone: an IANA zone for days and times, for example "America/Chihuahua"; the server's choice by default.
            user_id: only times of this user.

        Raises:
            UsageError: an argument is outside the rules; nothing was sent.
            ScopeMissing: the token lacks calendars.readonly.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /calendars/{calendarId}/free-slots
        """
        query = [*window(since, before, ("startDate", "endDate"), longest=_LONGEST_WINDOW)]
        for argument, name, value in (("timezone", "timezone", timezone), ("user_id", "userId", user_id)):
            if value is not None:
                require_text(argument, value)
                query.append((name, value))
        request = Request(
            operation="calendars.free_slots",
            method="GET",
            template="/calendars/{calendarId}/free-slots",
            ids=(calendar_id,),
            query=tuple(query),
            version=_VERSION,
            scope=_SCOPE,
        )
        envelope = Envelope(await self._send(request), request.operation)
        # Days are keys of the body itself, beside `traceId`.
        days = ((_day(key), key) for key in envelope.keys)
        return {day: envelope.value(key, _Slots).slots for day, key in days if day is not None}


def _day(key: str) -> date | None:
    try:
        return date.fromisoformat(key)
    except ValueError:
        return None
