"""What only the location's reference data can tell about a body: custom fields and phone numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ..dictionary import Dictionary, Index
from ..errors import Forbidden
from ._custom_values import custom_items, has_local_phone, unchecked_items
from ._phones import e164, needs_country

if TYPE_CHECKING:
    from ..models import CustomField

__all__ = ["Reference"]

T = TypeVar("T")


class Reference:
    """Settles bodies of contacts and businesses by what a dictionary says of the location.

    A token that may write them need not be allowed to read custom fields or the location. What cannot be checked
    then goes as it is given, and the server is not asked again until the dictionary would have asked it anyway.
    """

    def __init__(self, dictionary: Dictionary | None, generation: Literal["v2", "v3"] = "v2") -> None:
        self._dictionary = dictionary
        self._generation = generation
        self._refused_at: dict[str, float] = {}

    async def settle(self, operation: str, body: dict[str, Any]) -> None:
        """Write `phone` in E.164, and the pairs under `customFields` as the API's list.

        Raises:
            UsageError: names the field that is wrong; nothing was written.
            GHLError: the dictionary could not be read; nothing was written.
        """
        phone, pairs = body.get("phone"), body.get("customFields")
        if phone:
            what = f"phone: {operation}"
            body["phone"] = e164(what, phone, await self._country() if needs_country(phone) else None)
        if pairs is not None:
            body["customFields"] = await self._items(operation, pairs)

    async def _items(self, operation: str, pairs: list[tuple[str, Any]]) -> list[dict[str, Any]]:
        def judge(fields: Index[CustomField]) -> tuple[list[dict[str, Any]], bool]:
            items = custom_items(operation, pairs, fields, generation=self._generation, country=country)
            return items, country is None and has_local_phone(pairs, fields)

        dictionary, country = self._dictionary, None
        if dictionary is None:
            return unchecked_items(operation, pairs, generation=self._generation)
        judged = await self._unless_refused("custom_fields", lambda: dictionary.with_custom_fields(judge))
        if judged is None:
            return unchecked_items(operation, pairs, generation=self._generation)
        items, is_local = judged
        if is_local and (country := await self._country()):
            items, _ = await dictionary.with_custom_fields(judge)
        return items

    async def _country(self) -> str | None:
        location = await self._unless_refused("location", self._dictionary.location) if self._dictionary else None
        return location.country if location else None

    async def _unless_refused(self, kind: str, read: Callable[[], Awaitable[T]]) -> T | None:
        now = asyncio.get_running_loop().time()
        refused_at = self._refused_at.get(kind)
        if refused_at is not None and self._dictionary and now - refused_at < self._dictionary.ttl_seconds:
            return None
        try:
            return await read()
        except Forbidden:
            self._refused_at[kind] = now
            return None
