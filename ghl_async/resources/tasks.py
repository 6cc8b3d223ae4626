"""The tasks of a contact: reading and writing them; and those of the whole location."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from .. import pagination
from ..models import Task, TaskChanges, TaskDraft
from ..wire.request import Request, fill
from ._creation import Creations, Sight, create_once, find_created
from ._decode import Envelope, expect_success, unwrap, whole
from ._drafts import written
from ._search import require_between, require_bool
from ._sights import sight_of_task
from ._skip import PageSize, walk
from ._task_search import TaskSearch, task_search

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..models import ContactId, LocationId, TaskId, UserId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["Tasks"]

_SCOPE = "contacts.readonly"
_WRITE_SCOPE = "contacts.write"


class Tasks:
    """The tasks of one location's contacts."""

    def __init__(self, send: Send, location_id: LocationId, *, creations: Creations | None = None) -> None:
        self._send = send
        self.location_id = location_id
        self._page_size = PageSize()
        self._creations = creations or Creations()

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
        return await self._one(request)

    async def create(
        self,
        contact_id: ContactId,
        draft: TaskDraft,
        /,
        *,
        look_first: bool = True,
        known: Collection[TaskId] | None = None,
    ) -> Task:
        """Create one task: `TaskDraft(title="Call", due_date=datetime(2026, 7, 17, 10, tzinfo=UTC))`.

        A create is never repeated blindly. Where its answer is lost, or is a 422
        (https://github.com/GoHighLevel/highlevel-api-docs/issues/64: created all the same), the contact's tasks are
        listed, four times within 7 s: if there is an equal one it is returned; if not, the task is made again, and the
        422 is raised. Tasks carry no date, so only their ids before tell a new one from one that was there already.

        Args:
            look_first: reads those ids before. False saves that request; an equal task that is found then leaves the
                outcome unknown.
            known: those ids, where they have just been read; saves that request as well.

        Raises:
            UsageError: a field is wrong; nothing was sent.
            NotFound: no contact of this location has the id.
            Unprocessable: the server refused a field; see `.messages`.
            OutcomeUnknown: it may or may not have been created; `.draft` is the draft.

        Cost: 2 requests, 1 with `look_first=False`; 1 to 4 more where the answer was lost, and 1 for each time it is
            made again.
        API: POST /contacts/{contactId}/tasks
        """
        request = _create(contact_id, draft)
        require_bool("look_first", look_first)
        # One at a time for each contact: a draft that sets less would take the task of one that sets more for its own.
        async with self._creations.turn(("tasks", contact_id)):
            before = None if known is None else frozenset(known)
            if before is None and look_first:
                before = await self.ids(contact_id)

            async def make() -> Task:
                return await self._one(request)

            async def look(_to_come: int) -> Task | Sight:
                return sight_of_task(await self.page(contact_id), draft, before)

            return await create_once(request.operation, draft, make, look)

    async def ids(self, contact_id: ContactId, /) -> frozenset[TaskId]:
        """List the ids of all tasks of one contact, those that do not decode among them.

        Raises:
            NotFound: no contact of this location has the id.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request, however many tasks.
        API: GET /contacts/{contactId}/tasks
        """
        page = await self.page(contact_id)
        return frozenset([task.id for task in page.items] + [each.id for each in page.quarantined if each.id])

    def check(self, contact_id: ContactId, draft: TaskDraft, /) -> None:
        """Check what `create` would send, without sending it.

        Raises:
            UsageError: what `create` would raise before it sends.
        """
        _create(contact_id, draft)

    async def find_created(
        self, contact_id: ContactId, draft: TaskDraft, /, *, known: Collection[TaskId] | None
    ) -> Task | None:
        """Say what became of a create that an earlier process left open: the task, or None if none was made.

        Args:
            known: the ids of the tasks before, and of those that other creates have made. None: nobody looked.

        Raises:
            UsageError: a field is wrong.
            NotFound: no contact of this location has the id.
            OutcomeUnknown: there is an equal one that may have been there before.

        Cost: 1 request if it is found at once, 4 within 7 s if none was made.
        API: GET /contacts/{contactId}/tasks
        """
        _create(contact_id, draft)
        before = None if known is None else frozenset(known)
        async with self._creations.turn(("tasks", contact_id)):

            async def look(_to_come: int) -> Task | Sight:
                return sight_of_task(await self.page(contact_id), draft, before)

            return await find_created("tasks.find_created", draft, look)

    async def update(self, contact_id: ContactId, task_id: TaskId, changes: TaskChanges, /) -> Task:
        """Change one task: `TaskChanges(due_date=...)` leaves the rest as it is.

        Setting the same values twice is harmless, so this call is retried after a lost answer.

        Raises:
            UsageError: a field is wrong; nothing was sent.
            NotFound: no contact of this location has the id, or the contact no such task.
            Unprocessable: the server refused a field; see `.messages`.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: PUT /contacts/{contactId}/tasks/{taskId}
        """
        body = written("tasks.update", TaskChanges, changes)
        return await self._one(_change("tasks.update", contact_id, task_id, body))

    async def complete(self, contact_id: ContactId, task_id: TaskId, /) -> Task:
        """Mark one task as done.

        To do it twice is harmless, so this call is retried after a lost answer.

        Raises:
            NotFound: no contact of this location has the id, or the contact no such task.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: PUT /contacts/{contactId}/tasks/{taskId}/completed
        """
        return await self._one(_change("tasks.complete", contact_id, task_id, {"completed": True}, "/completed"))

    async def reopen(self, contact_id: ContactId, task_id: TaskId, /) -> Task:
        """Mark one task as not done.

        To do it twice is harmless, so this call is retried after a lost answer.

        Raises:
            NotFound: no contact of this location has the id, or the contact no such task.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: PUT /contacts/{contactId}/tasks/{taskId}/completed
        """
        return await self._one(_change("tasks.reopen", contact_id, task_id, {"completed": False}, "/completed"))

    async def delete(self, contact_id: ContactId, task_id: TaskId, /) -> None:
        """Delete one task.

        It is retried after a lost answer; that the task is not found then means that it is done.

        Raises:
            NotFound: no contact of this location has the id, or the contact no such task.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request.
        API: DELETE /contacts/{contactId}/tasks/{taskId}
        """
        request = Request(
            operation="tasks.delete",
            method="DELETE",
            template="/contacts/{contactId}/tasks/{taskId}",
            ids=(contact_id, task_id),
            scope=_WRITE_SCOPE,
        )
        expect_success(await self._send(request), request.operation)

    async def _one(self, request: Request) -> Task:
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
        body = task_search(contact_ids=contact_ids, completed=completed, assigned_to=assigned_to, text=text)
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
        body = task_search(contact_ids=contact_ids, completed=completed, assigned_to=assigned_to, text=text)
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

    async def _searched(self, body: TaskSearch, skip: int, limit: int) -> Page[Task]:
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


def _change(operation: str, contact_id: str, task_id: str, body: dict[str, Any], rest: str = "") -> Request:
    return Request(
        operation=operation,
        method="PUT",
        template="/contacts/{contactId}/tasks/{taskId}" + rest,
        ids=(contact_id, task_id),
        body=body,
        scope=_WRITE_SCOPE,
    )


def _create(contact_id: str, draft: TaskDraft) -> Request:
    request = Request(
        operation="tasks.create",
        method="POST",
        template="/contacts/{contactId}/tasks",
        ids=(contact_id,),
        body=written("tasks.create", TaskDraft, draft),
        idempotent=False,
        scope=_WRITE_SCOPE,
    )
    fill(request.template, request.ids)  # refuses an id that is none
    return request
