"""The tasks of a contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models import Task
from ..wire.request import Request
from ._decode import Envelope, unwrap, whole

if TYPE_CHECKING:
    from ..models import ContactId, LocationId, TaskId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["Tasks"]

_SCOPE = "contacts.readonly"


class Tasks:
    """The tasks of one location's contacts."""

    def __init__(self, send: Send, location_id: LocationId) -> None:
        self._send = send
        self.location_id = location_id

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
