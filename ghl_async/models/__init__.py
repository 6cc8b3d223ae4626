"""The nouns: msgspec Structs, and nothing else.

They know no client, no URL and no other room. Every record carries its JSON as sent (`raw`), and `extra` shows the
fields that have no name here.
"""

from ._draft import Draft
from ._record import KeyRecord, Quarantined, Record, decode_record, keys_of, well_formed
from .appointment import Appointment, AppointmentChanges, AppointmentDraft, AppointmentStatus, MeetingLocationType
from .automation import Campaign, Workflow
from .block_slot import BlockSlot, BlockSlotChanges, BlockSlotDraft
from .business import Business, BusinessChanges, BusinessDraft
from .calendar import Calendar
from .contact import Contact, CustomFieldValue
from .contact_draft import (
    ContactChanges,
    ContactDraft,
    DndSetting,
    DndSettings,
    DndStatus,
    InboundDndSetting,
    Upserted,
)
from .custom_field import CustomField, CustomFieldModel
from .ids import (
    AppointmentId,
    BlockSlotId,
    BusinessId,
    CalendarId,
    CampaignId,
    ContactId,
    LocationId,
    NoteId,
    TaskId,
    UserId,
    WorkflowId,
)
from .item_result import ItemResult, TagResult
from .location import LocationDetails, LocationSettings
from .location_tag import LocationTag
from .note import Note, NoteChanges, NoteDraft
from .search import (
    FILTER_FIELDS,
    NESTED_FIELDS,
    SORT_FIELDS,
    ContactQuery,
    Direction,
    Filter,
    FilterGroup,
    Operator,
    SearchBody,
    Sort,
    SortField,
)
from .task import Task, TaskChanges, TaskDraft
from .user import User

__all__ = [
    "FILTER_FIELDS",
    "NESTED_FIELDS",
    "SORT_FIELDS",
    "Appointment",
    "AppointmentChanges",
    "AppointmentDraft",
    "AppointmentId",
    "AppointmentStatus",
    "BlockSlot",
    "BlockSlotChanges",
    "BlockSlotDraft",
    "BlockSlotId",
    "Business",
    "BusinessChanges",
    "BusinessDraft",
    "BusinessId",
    "Calendar",
    "CalendarId",
    "Campaign",
    "CampaignId",
    "Contact",
    "ContactChanges",
    "ContactDraft",
    "ContactId",
    "ContactQuery",
    "CustomField",
    "CustomFieldModel",
    "CustomFieldValue",
    "Direction",
    "DndSetting",
    "DndSettings",
    "DndStatus",
    "Draft",
    "Filter",
    "FilterGroup",
    "InboundDndSetting",
    "ItemResult",
    "KeyRecord",
    "LocationDetails",
    "LocationId",
    "LocationSettings",
    "LocationTag",
    "MeetingLocationType",
    "Note",
    "NoteChanges",
    "NoteDraft",
    "NoteId",
    "Operator",
    "Quarantined",
    "Record",
    "SearchBody",
    "Sort",
    "SortField",
    "TagResult",
    "Task",
    "TaskChanges",
    "TaskDraft",
    "TaskId",
    "Upserted",
    "User",
    "UserId",
    "Workflow",
    "WorkflowId",
    "decode_record",
    "keys_of",
    "well_formed",
]
