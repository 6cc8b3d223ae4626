"""A block slot: a time in which a calendar or a user cannot be booked, and what is written of one."""

from typing import Any

from msgspec import UNSET, UnsetType

from ._draft import Aware, Draft
from ._record import Many, Record, RecordId

__all__ = ["BlockSlot", "BlockSlotChanges", "BlockSlotDraft"]


class BlockSlot(Record, frozen=True, kw_only=True):
    """One block slot. Its times are text as sent, ISO 8601 with an offset."""

    id: RecordId
    location_id: str | None = None
    calendar_id: str | None = None
    assigned_user_id: str | None = None
    title: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    users: Many[str] = ()
    assigned_resources: Many[Any] = ()
    notes: str | None = None
    date_added: str | None = None
    date_updated: str | None = None
    is_recurring: bool | None = None
    rrule: str | None = None
    master_event_id: str | None = None
    deleted: bool | None = None


class BlockSlotDraft(Draft, frozen=True, kw_only=True):
    """A block slot to be created, of a calendar or of a user, not of both.

    https://github.com/GoHighLevel/highlevel-api-docs/issues/23
    """

    start_time: Aware
    end_time: Aware
    title: str | UnsetType = UNSET
    calendar_id: str | UnsetType = UNSET
    assigned_user_id: str | UnsetType = UNSET


class BlockSlotChanges(Draft, frozen=True, kw_only=True):
    """What is to be changed of a block slot. UNSET stays as it is; the API takes null nowhere here.

    Whose slot it is must be said each time, by `calendar_id` or by `assigned_user_id`.
    """

    changes = True

    start_time: Aware | UnsetType = UNSET
    end_time: Aware | UnsetType = UNSET
    title: str | UnsetType = UNSET
    calendar_id: str | UnsetType = UNSET
    assigned_user_id: str | UnsetType = UNSET
