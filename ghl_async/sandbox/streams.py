"""Tasks and notes of many contacts, one contact after the other, read by `skip` and `limit`.

The order is that of the contacts, by (dateAdded, id), and within a contact that of its own list; which order the real
service has is unknown (facts 16.2), so this one is fixed. Where a whole location is read, the place of some records is
remembered, so that a page far in costs little more than the page; what is deleted or added moves everything behind
it, as `skip` does.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .location import Location, Ref

__all__ = ["named_contacts", "page_of_all", "page_of_some"]

_MARK_EVERY: Final = 200
_KEPT_NAMES: Final = 16


def named_contacts(location: Location, contact_ids: Iterable[str]) -> list[Ref]:
    """Return the contacts of these ids in the order of the location, each once; unknown ids are left out."""
    refs = {ref for contact_id in contact_ids if (ref := location.find(contact_id)) is not None}
    return sorted(refs, key=lambda ref: (location.added_ms(ref), location.id_of(ref)))


def page_of_some(
    refs: Iterable[Ref], read: Callable[[Ref], list[dict[str, Any]]], skip: int, limit: int
) -> list[dict[str, Any]]:
    """Return one page of the records that `read` gives for some contacts, a record of several contacts once."""
    found: dict[str, dict[str, Any]] = {}
    for ref in refs:
        for record in read(ref):
            found.setdefault(record["id"], record)
        if len(found) >= skip + limit:
            break
    return list(found.values())[skip : skip + limit]


def page_of_all(
    location: Location, name: str, read: Callable[[Ref], list[dict[str, Any]]], skip: int, limit: int
) -> list[dict[str, Any]]:
    """Return one page of the records that `read` gives for the contacts of the location.

    `name` stands for what `read` picks: places are remembered under it until the location changes.
    """
    if len(location.marks) >= _KEPT_NAMES and name not in location.marks:
        location.marks.clear()
    marks = location.marks.setdefault(name, [(0, None)])
    passed, after = marks[bisect_right(marks, skip, key=lambda mark: mark[0]) - 1]
    page: list[dict[str, Any]] = []
    for ref in location.walk(descending=False, after=after):
        records = read(ref)
        page += records[max(0, skip - passed) :]
        passed += len(records)
        if passed >= marks[-1][0] + _MARK_EVERY:
            marks.append((passed, (location.added_ms(ref), location.id_of(ref))))
        if len(page) >= limit:
            break
    return page[:limit]
