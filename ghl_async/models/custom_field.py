"""A custom field of the location: what the ids in a contact's `custom_fields` mean."""

from datetime import datetime
from typing import Any, Literal, TypeAlias

from ._record import Many, Record, RecordId

__all__ = ["CustomField", "CustomFieldModel"]

CustomFieldModel: TypeAlias = Literal["contact", "opportunity", "all"]
"""Whose fields to list."""


class CustomField(Record, frozen=True, kw_only=True):
    """One custom field."""

    id: RecordId
    """Contacts carry it beside the value, and a search names the field by it: "customFields.<id>"."""
    name: str | None = None
    """As people see it."""
    field_key: str | None = None
    """For example "contact.pincode"."""
    model: str | None = None
    """Open; known are contact, opportunity."""
    data_type: str | None = None
    """Open; known are TEXT, LARGE_TEXT, PHONE, NUMERICAL, MONETORY (the API's spelling), DATE, SINGLE_OPTIONS, RADIO,
    MULTIPLE_OPTIONS, CHECKBOX, TEXTBOX_LIST, FILE_UPLOAD."""
    placeholder: str | None = None
    position: float | None = None
    picklist_options: Many[Any] = ()
    """What can be chosen, where the type has a choice."""
    is_allowed_custom_option: bool | None = None
    """Whether something else can be given as well."""
    parent_id: str | None = None
    """The folder it stands in."""
    document_type: str | None = None
    location_id: str | None = None
    date_added: datetime | None = None
    standard: bool | None = None
