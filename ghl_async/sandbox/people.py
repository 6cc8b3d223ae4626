"""The contacts of one location, made on demand from (seed, index); nothing is stored.

`record(index)` is the whole truth about a contact; `views.py` shows it the way each route does. The rare shapes of
real locations come at fixed distances, so that any thousand contacts have them all.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec

from . import words
from .ids import decode_index, digest, encode_index, iso, letters

__all__ = ["DEFAULT_ZONE", "FIELD_TYPES", "START_MS", "People", "PeopleSettings"]

START_MS: Final = 1_672_531_200_000
"""2023-01-01: when the first contact was added."""

DEFAULT_ZONE: Final = "America/Chicago"
_SPAN_MS: Final = 3 * 365 * 86_400_000
_LONGEST_STEP_MS: Final = 6 * 3_600_000
_OWN_PHONES, _MORE_PHONES = 2_000_000_000, 3_000_000_000
_BLOCK, _GROUP_FROM, _GROUP_TO = 500, 30, 90

FIELD_TYPES: Final = (  # facts 6.4, 7.3 [spec]: data types, MONETORY misspelt as in the API
    "TEXT", "NUMERICAL", "MULTIPLE_OPTIONS", "FILE_UPLOAD", "DATE", "MONETORY", "CHECKBOX", "TEXTBOX_LIST",
    "LARGE_TEXT", "SINGLE_OPTIONS", "RADIO", "PHONE",
)  # fmt: skip


class PeopleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the contacts of one location are made from."""

    location_id: str
    seed: int = 1
    count: int = 1000
    poison: int = 0
    timezone: str = DEFAULT_ZONE


class People:
    """`settings.count` contacts; index 0 is the oldest."""

    def __init__(self, settings: PeopleSettings) -> None:
        """Prepare the few constants; no contact is made."""
        self.settings = settings
        self.count = settings.count
        self._prefix = f"{settings.seed}|{settings.location_id}"
        self._step_ms = max(1000, min(_LONGEST_STEP_MS, _SPAN_MS // max(1, settings.count)))
        self.field_ids = tuple(letters(digest(self._prefix, "field", kind, size=20)) for kind in FIELD_TYPES)
        self.user_ids = tuple(letters(digest(self._prefix, "user", number, size=20)) for number in range(5))
        # facts 1 [spec]: businesses have 24 hex characters
        self.business_ids = tuple(digest(self._prefix, "business", number, size=12).hex() for number in range(10))
        self.poisoned = frozenset(
            (2 * number + 1) * settings.count // (2 * settings.poison)
            for number in range(min(settings.poison, settings.count))
        )

    def dice(self, index: int) -> bytes:
        """Return the 48 bytes everything about one contact is drawn from."""
        return digest(self._prefix, index)

    def contact_id(self, index: int) -> str:
        """Return the id of contact `index`; ids sort like indexes."""
        return encode_index(index) + letters(self.dice(index)[:15])

    def index_of(self, contact_id: str) -> int | None:
        """Return the index of a contact, None if no made-up contact has that id."""
        if len(contact_id) != 20:
            return None
        index = decode_index(contact_id)
        if index is None or index >= self.count or self.contact_id(index) != contact_id:
            return None
        return index

    def added_ms(self, index: int) -> int:
        """Return when contact `index` was added: never before its predecessor.

        60 of every 500 were added at one instant, as an import does it.
        """
        within = index % _BLOCK
        leader = index - within + _GROUP_FROM if _GROUP_FROM <= within < _GROUP_TO else index
        jitter = int.from_bytes(self.dice(leader)[15:19], "big") % self._step_ms
        return START_MS + leader * self._step_ms + jitter

    def updated_ms(self, index: int) -> int:
        """Return when contact `index` was last updated: at or after it was added."""
        dice = self.dice(index)
        later = 0 if dice[19] < 60 else int.from_bytes(dice[20:24], "big") % (90 * 86_400_000)
        return self.added_ms(index) + later

    def email_of(self, index: int, first: str | None) -> str | None:
        """Return the address of contact `index`; it carries the index, see `indexes_of`."""
        if index % 17 == 3:  # no e-mail
            return None
        name = "".join(letter for letter in (first or "info") if letter.isascii() and letter.isalnum()) or "Hello"
        return f"{name}.{index}@example.{'com' if index % 3 else 'org'}"

    def indexes_of(self, kind: str, value: str) -> list[int]:
        """Return the contacts that may have this "email" or "phone", of their own or as an additional one."""
        if kind == "email":
            digits, bases = value.partition("@")[0].rpartition(".")[2], [0]
        else:
            digits, bases = value.removeprefix("+1"), [_OWN_PHONES, _MORE_PHONES]
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            return []
        return [int(digits) - base for base in bases if 0 <= int(digits) - base < self.count]

    def record(self, index: int) -> dict[str, Any]:
        """Return everything about contact `index`, unset fields as None, under neutral names.

        Keys are the API's; the street is `address1`. `extra` holds fields no schema names.
        """
        dice = self.dice(index)
        added = iso(self.added_ms(index))
        unknown = {"xNewField": {"nested": [1, None, "ünknown"]}, "visitorId": f"v{index}"}
        record: dict[str, Any] = {
            "id": encode_index(index) + letters(dice[:15]),
            "locationId": self.settings.location_id,
            "type": "lead" if dice[34] < 220 else "customer",  # facts 14 [live]: the default is lead
            "dateAdded": added,
            "dateUpdated": iso(self.updated_ms(index)),
            "createdBy": {
                "source": "INTEGRATION",
                "channel": "OAUTH",
                "sourceId": self.user_ids[0],
                "timestamp": added,
            },
            "customFields": self._custom_fields(index, dice),
            "extra": unknown if index % 37 == 9 else {},
            **self._person(index, dice),
            **_place(index, dice),
            **self._dealings(index, dice),
            "opportunities": self._opportunities(index, dice) if index % 29 == 14 else [],
        }
        if index in self.poisoned:
            record["dateAdded"] = [self.added_ms(index), "not a date"]
        return record

    def _person(self, index: int, dice: bytes) -> dict[str, Any]:
        first: str | None = words.FIRST_NAMES[dice[24] % len(words.FIRST_NAMES)]
        last: str | None = words.LAST_NAMES[dice[25] % len(words.LAST_NAMES)]
        if index % 23 == 7:  # a contact that came in by phone only
            first = last = None
        elif index % 31 == 4:
            last = ""  # empty strings are set fields
        born = f"19{50 + dice[40] % 50}-0{1 + dice[41] % 9}-1{dice[41] % 10}T00:00:00.000Z"
        return {
            "firstName": first,
            "lastName": last,
            "email": self.email_of(index, first),
            # facts 6.2 [live]: all phones start with +
            "phone": None if index % 19 == 5 else f"+1{_OWN_PHONES + index}",
            "dateOfBirth": born if dice[40] < 60 else None,
            "additionalEmails": [f"second.{index}@example.net"] if dice[43] < 25 else [],
            "additionalPhones": [f"+1{_MORE_PHONES + index}"] if dice[44] < 25 else [],
            "validEmail": None if dice[45] < 200 else dice[45] % 2 == 0,
        }

    def _dealings(self, index: int, dice: bytes) -> dict[str, Any]:
        business = index % 20 == 0
        visit = {"url": "https://example.com/lp?a=ä", "medium": "form", "mediumId": None}
        return {
            "companyName": words.COMPANIES[dice[27] % len(words.COMPANIES)] if dice[27] < 90 else None,
            "businessName": f"Business {index // 20 % 10}" if business else None,
            "businessId": self.business_ids[index // 20 % 10] if business else None,
            "source": words.SOURCES[dice[33] % len(words.SOURCES)] if dice[33] < 180 else None,
            "assignedTo": self.user_ids[dice[35] % 5] if dice[35] < 100 else None,
            "followers": [self.user_ids[dice[36] % 5]] if dice[36] < 30 else [],
            "tags": sorted({words.TAGS[dice[37 + turn] % len(words.TAGS)] for turn in range(dice[36] % 4)}),
            "dnd": dice[42] < 20,
            "dndSettings": {"SMS": {"status": "active", "message": "STOP", "code": "94"}} if dice[42] < 20 else {},
            "attributionSource": visit if dice[46] < 60 else {},
        }

    def _opportunities(self, index: int, dice: bytes) -> list[dict[str, Any]]:
        # facts 6.6 [live]: camelCase; facts 1 [spec]: a stage has a UUID
        return [
            {
                "id": letters(digest(self._prefix, "opportunity", index, size=20)),
                "pipelineId": letters(digest(self._prefix, "pipeline", size=20)),
                "pipelineStageId": str(UUID(bytes=digest(self._prefix, "stage", dice[7] % 3, size=16), version=4)),
                "monetaryValue": dice[8] * 100,
                "status": ("open", "won", "lost")[dice[9] % 3],
            }
        ]

    def _custom_fields(self, index: int, dice: bytes) -> list[dict[str, Any]]:
        # facts 6.6 [docs]: value is a string, number, list or object
        values: tuple[Any, ...] = (
            "" if index % 41 == 6 else f"Text {index} – “quoted” \\ \u202eltr",
            str(dice[0]) if index % 7 == 1 else dice[0] * 1.5,
            list(words.TAGS[: dice[1] % 4]),
            {f"{dice[2]:08x}-0000-4000-8000-000000000000": {"meta": {"size": 3}, "url": "https://example.com/f.pdf"}},
            self.added_ms(index) if index % 2 else "2024-02-29",
            None if index % 43 == 8 else 12_345_678_901.25,
            ["yes"],
            {"opt1": "first", "opt2": 2},
            "long " * (dice[3] * 8 if index % 53 == 10 else 3),
            words.TAGS[dice[6] % len(words.TAGS)],
            ("Yes", "No", "Maybe ©")[dice[7] % 3],
            f"+1{4_000_000_000 + index}",
        )
        start, many = dice[4] % len(values), dice[5] % 4
        return [
            {"id": self.field_ids[place % len(values)], "value": values[place % len(values)]}
            for place in range(start, start + many)
        ]


def _place(index: int, dice: bytes) -> dict[str, Any]:
    city, state, postal, country = words.CITIES[dice[26] % len(words.CITIES)]
    known = dice[30] < 200
    return {
        "address1": f"{dice[28]} Main St\nApt {dice[29]}" if dice[28] < 128 else None,
        "city": city if known else None,
        "state": state if known else None,
        # numbers where strings are promised, as imports leave them
        "postalCode": (35061 if index % 11 == 2 else postal) if known else None,
        "country": country,
        "timezone": words.ZONES[dice[31] % len(words.ZONES)] if dice[31] < 80 else None,
        "website": f"https://example.com/{index}?q=1&r=%20" if dice[32] < 40 else None,
    }
