"""Custom fields by id, key or name; and the values of a contact by these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from ..models import CustomField, CustomFieldValue
from ._index import Index

__all__ = ["custom_fields_by_name", "named"]


def custom_fields_by_name(fields: Sequence[CustomField]) -> Index[CustomField]:
    """Custom fields, to be found by id, by key with or without its model ("contact.pincode", "pincode"), or by name."""
    return Index(
        fields,
        noun="custom field",
        unique=lambda field: (field.field_key, field.id),
        names=lambda field: (field.name, bare_key(field)),
    )


def bare_key(field: CustomField) -> str | None:
    """The key without its model: "contact.pincode" gives "pincode"."""
    return None if field.field_key is None else field.field_key.partition(".")[2] or field.field_key


def named(
    values: Iterable[CustomFieldValue], fields: Sequence[CustomField], *, by: Literal["key", "name"] = "key"
) -> dict[str, Any]:
    """The values of custom fields by the fields' keys ("pincode") or names ("Pin code"): the API sends ids alone.

    https://github.com/GoHighLevel/highlevel-api-docs/issues/177

    Nothing is lost: a field whose name another one has as well goes by its key, one without a key or of which the
    location knows nothing by its id.
    """
    known = {field.id: field for field in fields}
    labels = {field.id: (field.name if by == "name" else None) or bare_key(field) or field.id for field in fields}
    times = Counter(labels.values())
    found: dict[str, Any] = {}
    for value in values:
        label = labels.get(value.id, value.id)
        if times[label] > 1:
            label = known[value.id].field_key or value.id
        found[value.id if label in found else label] = value.value
    return found
