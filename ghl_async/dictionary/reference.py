"""The reference data of one location."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar, get_args

from ..errors import UsageError
from ..models import Calendar, Contact, CustomField, LocationDetails, LocationTag, User
from ._custom_fields import custom_fields_by_name, named
from ._index import Index
from ._kept import Kept

__all__ = ["Dictionary", "Kind"]

R = TypeVar("R")
V = TypeVar("V")
Many: TypeAlias = Callable[[], Awaitable[Sequence[R]]]
Kind: TypeAlias = Literal["custom_fields", "tags", "users", "calendars", "location"]

TTL_SECONDS = 900.0
_OLD_SECONDS = 30.0
"""What is older is read anew before something is said to be missing: somebody may just have made it. A name that is
misspelt in a long import costs 2 requests a minute, not one each time."""
_PLACES: dict[str, Kind] = {
    "/locations": "location",
    "/locations/{locationId}/customFields": "custom_fields",
    "/locations/{locationId}/tags": "tags",
    "/users": "users",
    "/calendars": "calendars",
}
"""Where writes change what is kept: a new record there, and one record by its id below it."""


class Dictionary:
    """Custom fields, tags, users, calendars and settings of one location, each read once and kept for a while.

    Callers that ask at the same time cause one request. What was read is kept for `ttl_seconds`, and read anew after a
    write of the same client that may have changed it, or after `forget`. Failures are not kept.
    """

    def __init__(
        self,
        *,
        custom_fields: Many[CustomField],
        tags: Many[LocationTag],
        users: Many[User],
        calendars: Many[Calendar],
        location: Callable[[], Awaitable[LocationDetails]],
    ) -> None:
        """Make one from what reads each kind completely."""
        self.ttl_seconds = TTL_SECONDS
        """How long what was read is taken for true: 900 s unless it is set. 0 reads anew each time."""
        self._custom_fields = _kept(custom_fields, custom_fields_by_name)
        self._tags = _kept(tags, _tags_by_name)
        self._users = _kept(users, _users_by_name)
        self._calendars = _kept(calendars, _calendars_by_name)
        self._location = Kept(location)

    async def custom_fields(self) -> tuple[CustomField, ...]:
        """All custom fields of contacts.

        Cost: 1 request, or none while they are kept.
        """
        return (await self._get(self._custom_fields)).records

    async def tags(self) -> tuple[LocationTag, ...]:
        """All tags, used or not.

        Cost: 1 request, or none while they are kept.
        """
        return (await self._get(self._tags)).records

    async def users(self) -> tuple[User, ...]:
        """All users.

        Cost: 1 request, or none while they are kept.
        """
        return (await self._get(self._users)).records

    async def calendars(self) -> tuple[Calendar, ...]:
        """All calendars, drafts included.

        Cost: 1 request, or none while they are kept.
        """
        return (await self._get(self._calendars)).records

    async def location(self) -> LocationDetails:
        """The location itself, with its country, its zone and its settings.

        Cost: 1 request, or none while it is kept.
        """
        return await self._get(self._location)

    async def custom_field(self, name: str, /) -> CustomField:
        """Find a custom field by its id, its key ("contact.pincode" or "pincode") or its name ("Pin code").

        Capitals and spaces matter only where they tell two fields apart.

        Raises:
            UsageError: there is none, or there are several: it names those that are near.

        Cost: 1 request, or none while the fields are kept. One that is missing is looked for anew twice a minute.
        """
        return await self.with_custom_fields(lambda fields: fields.find(name))

    async def tag(self, name: str, /) -> LocationTag:
        """Find a tag by its id or its name.

        Raises:
            UsageError: there is none: it names those that are near.

        Cost: 1 request, or none while the tags are kept. One that is missing is looked for anew twice a minute.
        """
        return await self._with(self._tags, lambda tags: tags.find(name))

    async def user(self, name: str, /) -> User:
        """Find a user by the id, the e-mail address or the name ("Ann Lee").

        Raises:
            UsageError: there is none, or there are several: it names those that are near.

        Cost: 1 request, or none while the users are kept. One that is missing is looked for anew twice a minute.
        """
        return await self._with(self._users, lambda users: users.find(name))

    async def calendar(self, name: str, /) -> Calendar:
        """Find a calendar by its id or its name.

        Raises:
            UsageError: there is none, or there are several: it names those that are near.

        Cost: 1 request, or none while the calendars are kept. One that is missing is looked for anew twice a minute.
        """
        return await self._with(self._calendars, lambda calendars: calendars.find(name))

    async def named(self, contact: Contact, /, *, by: Literal["key", "name"] = "key") -> dict[str, Any]:
        """The values of a contact's custom fields by key ("pincode") or by name ("Pin code"): {"pincode": "35061"}.

        The API sends ids alone (https://github.com/GoHighLevel/highlevel-api-docs/issues/177). A field whose name
        another one has as well goes by its key, and one that the location does not know by its id.

        Raises:
            UsageError: `by` is neither.

        Cost: 1 request, or none while the fields are kept.
        """
        if by not in {"key", "name"}:
            raise UsageError(f"by must be key or name, not {by!r}")
        return named(contact.custom_fields, await self.custom_fields(), by=by)

    async def with_custom_fields(self, judge: Callable[[Index[CustomField]], V], /) -> V:
        """Give what `judge` makes of the custom fields.

        Where it raises UsageError and the fields are not quite new, they are read anew and it is asked once more: what
        it missed may have been made in the meantime.

        Raises:
            UsageError: what `judge` raises.

        Cost: 1 request, or none while the fields are kept.
        """
        return await self._with(self._custom_fields, judge)

    def forget(self, *kinds: Kind) -> None:
        """Let the next caller read anew: these kinds, or everything if none is given.

        Raises:
            UsageError: there is no such kind.
        """
        every = get_args(Kind)
        for kind in kinds:
            if kind not in every:
                raise UsageError(f"a kind is one of {', '.join(every)}, not {kind!r}")
        for kind in kinds or every:
            self._kept(kind).forget()

    def wrote(self, template: str, body: object) -> None:
        """Take note of a write of our own, whatever became of it, and forget what it may have changed.

        A tag that a contact is given, and that the location has not, is made by the server.

        Args:
            template: its path, with names for ids: "/locations/{locationId}/tags".
            body: what was sent, as a mapping, or anything else.
        """
        above, _, last = template.rstrip("/").rpartition("/")
        kind = _PLACES.get(above if last.startswith("{") else f"{above}/{last}")
        if kind is not None:
            self.forget(kind)
        elif template.startswith("/contacts/") and isinstance(body, Mapping):
            known, tags = self._tags.peek(), body.get("tags")
            if isinstance(tags, list | tuple) and not (known and all(known.has(str(tag)) for tag in tags)):
                self.forget("tags")

    def _kept(self, kind: Kind) -> Kept[Any]:
        kept: Kept[Any] = getattr(self, f"_{kind}")
        return kept

    async def _get(self, kept: Kept[V]) -> V:
        return await kept.get(younger_than_seconds=self.ttl_seconds)

    async def _with(self, kept: Kept[Index[R]], judge: Callable[[Index[R]], V]) -> V:
        known = await self._get(kept)
        try:
            return judge(known)
        except UsageError:
            known = await kept.get(younger_than_seconds=min(_OLD_SECONDS, self.ttl_seconds))
        return judge(known)


def _kept(read: Many[R], index: Callable[[Sequence[R]], Index[R]]) -> Kept[Index[R]]:
    async def indexed() -> Index[R]:
        return index(await read())

    return Kept(indexed)


def _tags_by_name(tags: Sequence[LocationTag]) -> Index[LocationTag]:
    return Index(tags, noun="tag", unique=lambda tag: (tag.id,), names=lambda tag: (tag.name,))


def _users_by_name(users: Sequence[User]) -> Index[User]:
    return Index(users, noun="user", unique=lambda user: (user.email, user.id), names=_names_of_user)


def _names_of_user(user: User) -> tuple[str | None, ...]:
    return (user.name, " ".join(filter(None, (user.first_name, user.last_name))))


def _calendars_by_name(calendars: Sequence[Calendar]) -> Index[Calendar]:
    return Index(
        calendars, noun="calendar", unique=lambda calendar: (calendar.id,), names=lambda calendar: (calendar.name,)
    )
