"""The tasks of a contact, and those of the whole location."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType

from .. import pagination
from ..errors import UsageError
from ..models import Task
from ..wire.request import Request
from ._decode import Envelope, unwrap, whole
from ._search import require_between, require_list, require_text
from ._skip import PageSize, walk

if TYPE_CHECKING:
    from ..models import ContactId, LocationId, TaskId, UserId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["Tasks"]

_SCOPE = "contacts.readonly"


class _TaskSearch(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a task search; `contactId` takes a list, in spite of its name."""

    contact_id: tuple[str, ...] | UnsetType
    completed: bool | UnsetType
    assigned_to: tuple[str, ...] | UnsetType
    query: str | UnsetType
    skip: int = 0
    limit: int = 100


class Tasks:
    """The tasks of one location's contacts."""

    def __init__(self, send: Send, location_id: LocationId) -> None:
        self._send = send
        self.location_id = location_id
        self._page_size = PageSize()

    async def list(self, contact_id: ContactId, /) -> list[Task]:
        """List all tasks of one contact.

        Raises:
            NotFound: no contact of this location has the id.
            DecodeError: the reply has not the promised shape, or one task of it; `page` goes on over such a task.

        Cost: 1 request, however many tasks.
        API: GET /contacts/{contactId}/tasks
        """
        return whole(await self.page(contact_id))

    async def page(self, contact_id: ContactId, /) -> Page[Task]:
        """List all tasks of one contact; a task that does not decode is in `quarantined`, with its JSON.

        It is the only page: `cursor` is None.

        Raises:
            NotFound: no contact of this location has the id.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request, however many tasks.
        API: GET /contacts/{contactId}/tasks
        """
        request = Request(
            operation="tasks.list",
            method="GET",
            template="/contacts/{contactId}/tasks",
            ids=(contact_id,),
            scope=_SCOPE,
        )
        return Envelope(await self._send(request), request.operation).many(Task, "tasks")

    async def get(self, contact_id: ContactId, task_id: TaskId, /) -> Task:
        """Get one task.

        Raises:
            NotFound: no contact of this location has the id, or the contact no such task.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /contacts/{contactId}/tasks/{taskId}
        """
        request = Request(
            operation="tasks.get",
            method="GET",
            template="/contacts/{contactId}/tasks/{taskId}",
            ids=(contact_id, task_id),
            scope=_SCOPE,
        )
        return unwrap(await self._send(request), request.operation, Task, "task")

    async def search(
        self,
        *,
        contact_ids: Sequence[ContactId] | None = None,
        completed: bool | None = None,
        assigned_to: Sequence[UserId] | None = None,
        text: str | None = None,
        skip: int = 0,
        limit: int = 100,
    ) -> Page[Task]:
        """Search the tasks of all contacts once, and get one page. All conditions must hold; None asks for nothing.

        The page's `cursor` is the number of tasks up to its end: give it as `skip`, with the same conditions, to get
        the next page. An empty page is the end, a short one is not: the server may send fewer than `limit`. While
        others add and delete tasks the pages move against each other; `pages` and `iterate` take care of that. A task
        that does not decode is in `quarantined`, with its JSON.

        Args:
            contact_ids: tasks of any of these contacts.
            assigned_to: tasks of any of these users.
            text: what the server looks for it in is not documented.
            skip: how many tasks to leave out.
            limit: at least 1. The largest one is not documented: where the server refuses it, the next smaller of 250,
                100, 50, 20, 10, 5, 2 and 1 is asked for, and so on; what it took is remembered.

        Raises:
            UsageError: an argument is outside the rules; nothing was sent.
            ScopeMissing: the token lacks locations/tasks.readonly.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request, and 1 for each limit that the server refuses.
        API: POST /locations/{locationId}/tasks/search
        """
        require_between("skip", skip, 0)
        require_between("limit", limit, 1)
        body = _search_body(contact_ids=contact_ids, completed=completed, assigned_to=assigned_to, text=text)
        return await self._page_size.fetch(limit, partial(self._searched, body, skip))

    def pages(
        self,
        *,
        contact_ids: Sequence[ContactId] | None = None,
        completed: bool | None = None,
        assigned_to: Sequence[UserId] | None = None,
        text: str | None = None,
        page_size: int = 500,
    ) -> AsyncIterator[Page[Task]]:
        """Walk all pages of a search. The conditions are those of `search`.

        A page holds what no page before held: each task that is there all the time comes exactly once, however many are
        added and deleted meanwhile, as long as the server keeps their order (it names none). The requests overlap for
        that, and the ids of the last 10,000 tasks are remembered: if about as many are added or deleted between two
        requests of a longer list, the place is lost, and the walk stops with CursorRepeated. Tasks that are added
        during the walk may come or not. A task that does not decode is in its page's `quarantined`, with its JSON.
        `cursor` says how far the walk is; no walk goes on from there, for it would not know the place.

        Args:
            page_size: at least 1. A server may refuse so many (see `search`), or give fewer; both are learned.

        Raises:
            UsageError: at the call, before anything is sent; see `search`.
            ScopeMissing: the token lacks locations/tasks.readonly.
            CursorRepeated: the server ignores `skip` or goes in circles, or the place is lost.
            DecodeError: a reply has not the promised shape.

        Cost: 1 request for `page_size` tasks (or as many as the server gives) less the overlap of 5. For the end 1 if
            the last page has fewer tasks than one before, of this walk or an earlier one, otherwise 2.
        API: POST /locations/{locationId}/tasks/search
        """
        require_between("page_size", page_size, 1)
        body = _search_body(contact_ids=contact_ids, completed=completed, assigned_to=assigned_to, text=text)
        return walk(partial(self._searched, body), self._page_size, page_size)

    def iterate(
        self,
        *,
        contact_ids: Sequence[ContactId] | None = None,
        completed: bool | None = None,
        assigned_to: Sequence[UserId] | None = None,
        text: str | None = None,
        page_size: int = 500,
    ) -> AsyncIterator[Task]:
        """Walk all tasks of a search. The conditions are those of `search`; what `pages` says of a walk holds.

        Raises:
            UsageError: at the call, before anything is sent; see `search`.
            ScopeMissing: the token lacks locations/tasks.readonly.
            CursorRepeated: the server ignores `skip` or goes in circles, or the place is lost.
            DecodeError: a task does not decode. It is raised behind the good tasks of that task's page; `pages` goes on
                over such a task.

        Cost: as `pages`, 1 request for `page_size` tasks less the overlap of 5, and 1 or 2 for the end.
        API: POST /locations/{locationId}/tasks/search
        """
        return pagination.iterate(
            self.pages(
                contact_ids=contact_ids, completed=completed, assigned_to=assigned_to, text=text, page_size=page_size
            )
        )

    async def _searched(self, body: _TaskSearch, skip: int, limit: int) -> Page[Task]:
        request = Request(
            operation="tasks.search",
            method="POST",
            template="/locations/{locationId}/tasks/search",
            ids=(self.location_id,),
            body=msgspec.structs.replace(body, skip=skip, limit=limit),
            scope="locations/tasks.readonly",
        )
        envelope = Envelope(await self._send(request), request.operation)
        return envelope.many(Task, "tasks", lambda raws: skip + len(raws))


def _search_body(
    *,
    contact_ids: Sequence[str] | None,
    completed: bool | None,
    assigned_to: Sequence[str] | None,
    text: str | None,
) -> _TaskSearch:
    for name, values in (("contact_ids", contact_ids), ("assigned_to", assigned_to)):
        if values is not None:
            require_list(name, values)
    if completed is not None and not isinstance(completed, bool):
        raise UsageError(f"completed must be True, False or None, not {completed!r}")
    if text is not None:
        require_text("text", text)
    return _TaskSearch(
        contact_id=UNSET if contact_ids is None else tuple(contact_ids),
        completed=UNSET if completed is None else completed,
        assigned_to=UNSET if assigned_to is None else tuple(assigned_to),
        query=UNSET if text is None else text,
    )
