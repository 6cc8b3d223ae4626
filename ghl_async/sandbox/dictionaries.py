"""What a location keeps beside its contacts: tags, custom fields, businesses, campaigns, workflows.

Contacts do not hold copies of these: what is renamed or deleted here is so for every contact at once, at no cost per
contact.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

from . import words
from .ids import digest, iso, letters
from .people import FIELD_TYPES, START_MS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .people import People

__all__ = ["Businesses", "CustomFields", "Dictionaries", "Tags", "now_iso"]


def now_iso() -> str:
    """Return the present instant the way the API writes it."""
    return iso(int(time.time() * 1000))


class Tags:
    """The tags of a location, by id; a name is there once, lower-cased."""

    def __init__(self, location_id: str) -> None:
        """Start with the usual ones."""
        self._location_id = location_id
        self._made = 0
        self._names: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self.use(words.TAGS)

    def names(self) -> list[str]:
        """Return all names, oldest first."""
        return list(self._names.values())

    def all(self) -> list[dict[str, Any]]:
        """Return all tags as the API shows them."""
        return [self.show(tag_id) for tag_id in self._names]

    def show(self, tag_id: str) -> dict[str, Any]:
        """Return one tag as the API shows it (facts 8.7 [spec]).

        Raises:
            KeyError: there is none.
        """
        return {"id": tag_id, "name": self._names[tag_id], "locationId": self._location_id}

    def id_of(self, name: str) -> str | None:
        """Return the id of the tag with this name."""
        return self._ids.get(name)

    def use(self, names: Iterable[str]) -> None:
        """Make the tags that are not there yet."""
        for name in names:
            if name not in self._ids:
                self._made += 1
                self.rename(letters(digest(self._location_id, "tag", name, self._made, size=20)), name)

    def rename(self, tag_id: str, name: str) -> None:
        """Give a tag another name; contacts keep the one they have [guess]."""
        self._ids.pop(self._names.get(tag_id, ""), None)
        self._names[tag_id], self._ids[name] = name, tag_id

    def remove(self, tag_id: str) -> None:
        """Take a tag out of the dictionary; contacts that have it keep it [guess].

        Raises:
            KeyError: there is none.
        """
        del self._ids[self._names.pop(tag_id)]


_OPTION_LISTS: Final[dict[str, list[Any]]] = {
    "SINGLE_OPTIONS": list(words.TAGS),
    "MULTIPLE_OPTIONS": list(words.TAGS),
    "RADIO": ["Yes", "No", "Maybe ©"],
    "CHECKBOX": ["yes"],
    "TEXTBOX_LIST": [
        {"id": "opt1", "label": "First", "prefillValue": ""},
        {"id": "opt2", "label": "Zweitens", "prefillValue": ""},
    ],
}
_NO_KEY: Final = re.compile(r"[^a-z0-9]+")


class CustomFields:
    """The custom fields of a location, by id, in the order of their positions at first."""

    def __init__(self, people: People) -> None:
        """Start with one field of every type."""
        self._location_id = people.settings.location_id
        self._made = 0
        self.by_id: dict[str, dict[str, Any]] = {}
        self.gone: set[str] = set()
        """Deleted ones: contacts lose their values [guess]."""
        for field_id, data_type in zip(people.field_ids, FIELD_TYPES, strict=True):
            name = f"{data_type.replace('_', ' ').capitalize()} – Größe"
            self._add(field_id, name=name, key=data_type.lower(), dataType=data_type, dateAdded=iso(START_MS))
            if data_type in _OPTION_LISTS:
                self.by_id[field_id]["picklistOptions"] = _OPTION_LISTS[data_type]

    def _add(self, field_id: str, *, name: str, key: str, model: str = "contact", **more: Any) -> dict[str, Any]:
        field = self.by_id[field_id] = {  # facts 8.7 [spec][live]
            "id": field_id,
            "name": name,
            "model": model,
            "fieldKey": f"{model}.{key}",
            "placeholder": "",
            "position": len(self.by_id) * 50,
            "documentType": "field",
            "parentId": letters(digest(self._location_id, "folder", size=20)),
            "locationId": self._location_id,
            "standard": False,
            **more,
        }
        return field

    def create(self, name: str, model: str, more: dict[str, Any]) -> dict[str, Any]:
        """Add a field; its key is made from its name, a second one of the same gets a number [guess]."""
        self._made += 1
        field_id = letters(digest(self._location_id, "field", "written", self._made, size=20))
        key = _NO_KEY.sub("_", name.lower()).strip("_") or "field"
        taken = {field["fieldKey"] for field in self.by_id.values()}
        free = key if f"{model}.{key}" not in taken else f"{key}_{self._made}"
        return self._add(field_id, name=name, key=free, model=model, dateAdded=now_iso(), **more)

    def change(self, field_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Change a field and return it."""
        self.by_id[field_id] = self.by_id[field_id] | changes
        return self.by_id[field_id]

    def remove(self, field_id: str) -> None:
        """Delete a field with the values of all contacts."""
        del self.by_id[field_id]
        self.gone.add(field_id)

    def find(self, field_id: object, key: object) -> dict[str, Any] | None:
        """Return the field of contacts with this id or, without an id, with this key, with or without `contact.`."""
        if isinstance(field_id, str):
            field = self.by_id.get(field_id)
            return field if field is not None and field["model"] == "contact" else None
        keys = {key, f"contact.{key}"}
        return next((field for field in self.by_id.values() if field["fieldKey"] in keys), None)


class Businesses:
    """The businesses of a location, by id, oldest first."""

    def __init__(self, people: People) -> None:
        """Start with those that the made-up contacts belong to."""
        self._location_id = people.settings.location_id
        self._made = 0
        self.moved: dict[str, str | None] = {}
        """The names of those that were renamed or written, None for deleted ones."""
        self.by_id: dict[str, dict[str, Any]] = {
            business_id: {
                "id": business_id,
                "name": f"Business {number}",
                "locationId": self._location_id,
                "createdBy": {},
                "updatedBy": {},
                "createdAt": iso(START_MS),
                "updatedAt": iso(START_MS),
            }
            for number, business_id in enumerate(people.business_ids)
        }

    def create(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Add a business and return it."""
        self._made += 1
        # facts 1 [spec]: businesses have 24 hex characters
        business_id = digest(self._location_id, "business", "written", self._made, size=12).hex()
        now = now_iso()
        stamps = {"createdBy": {}, "updatedBy": {}, "createdAt": now, "updatedAt": now}
        self.by_id[business_id] = {"id": business_id, **fields, "locationId": self._location_id, **stamps}
        self.moved[business_id] = fields["name"]
        return self.by_id[business_id]

    def change(self, business_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Change a business and return it."""
        business = self.by_id[business_id] = self.by_id[business_id] | changes | {"updatedAt": now_iso()}
        self.moved[business_id] = business["name"]
        return business

    def remove(self, business_id: str) -> None:
        """Delete a business; its contacts belong to none then [guess]."""
        del self.by_id[business_id]
        self.moved[business_id] = None


class Dictionaries:
    """All of them, for one location."""

    def __init__(self, people: People) -> None:
        """Make the usual ones."""
        location_id = people.settings.location_id
        self.tags = Tags(location_id)
        self.fields = CustomFields(people)
        self.businesses = Businesses(people)
        # facts 7.1 rows 29 to 33: what a contact can be put into; the lists are read-only in the API (facts 8.7)
        self.campaigns = [
            {"id": letters(digest(location_id, "campaign", number, size=20)), "name": name, "status": status}
            for number, (name, status) in enumerate((("Recall", "published"), ("Geburtstag 🎂", "draft")))
        ]
        self.workflows = [
            {
                "id": str(number) * 8 + f"-0000-4000-8000-{digest(location_id, 'workflow', number, size=6).hex()}",
                "name": name,
                "status": "published" if number < 2 else "draft",
                "version": number + 1,
                "createdAt": iso(START_MS),
                "updatedAt": iso(START_MS + number * 86_400_000),
            }
            for number, name in enumerate(("New lead", "No show", "Nachfassen"))
        ]

    def applied(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return a contact as renamed and deleted businesses and deleted custom fields leave it."""
        moved = self.businesses.moved
        if moved and record["businessId"] in moved:
            name = moved[record["businessId"]]
            record = record | {"businessName": name} | ({"businessId": None} if name is None else {})
        gone = self.fields.gone
        if gone and any(item["id"] in gone for item in record["customFields"]):
            record = record | {"customFields": [item for item in record["customFields"] if item["id"] not in gone]}
        return record
