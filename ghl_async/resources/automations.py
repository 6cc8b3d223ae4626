"""Campaigns and workflows: which there are, and putting contacts into them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ..models import Campaign, Workflow
from ..wire.request import Request
from ._decode import Envelope, expect_success, whole
from ._search import require_instant, require_text

if TYPE_CHECKING:
    from ..models import CampaignId, ContactId, LocationId, WorkflowId
    from ..wire.request import Send
    from ._contact_body import Generation

__all__ = ["Automations"]

_SCOPE = "contacts.write"
_REMOVE_ALL: dict[Generation, str] = {
    "v2": "/contacts/{contactId}/campaigns/removeAll",
    "v3": "/contacts/{contactId}/campaigns/remove-all",
}


class _Start(msgspec.Struct, frozen=True, rename="camel"):
    """When a workflow begins to count for a contact."""

    event_start_time: datetime


class Automations:
    """The campaigns and workflows of one location, and which contacts are in them."""

    def __init__(self, send: Send, location_id: LocationId, *, generation: Generation = "v2") -> None:
        self._send = send
        self.location_id = location_id
        self._generation: Generation = generation

    async def add_to_campaign(self, contact_id: ContactId, campaign_id: CampaignId, /) -> None:
        """Put a contact into a campaign.

        What a second time does is not documented, and a campaign sends messages: so it is never repeated, and no read
        shows whether it was done.

        Raises:
            NotFound: no contact of this location has the id, or there is no such campaign.
            OutcomeUnknown: the answer was lost: it may or may not have been done.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request.
        API: POST /contacts/{contactId}/campaigns/{campaignId}
        """
        await self._campaign("automations.add_to_campaign", "POST", contact_id, campaign_id)

    async def remove_from_campaign(self, contact_id: ContactId, campaign_id: CampaignId, /) -> None:
        """Take a contact out of a campaign.

        It is retried after a lost answer; that nothing is found then means that it is done.

        Raises:
            NotFound: no contact of this location has the id, or there is no such campaign.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request.
        API: DELETE /contacts/{contactId}/campaigns/{campaignId}
        """
        await self._campaign("automations.remove_from_campaign", "DELETE", contact_id, campaign_id)

    async def remove_from_all_campaigns(self, contact_id: ContactId, /) -> None:
        """Take a contact out of every campaign.

        To do it twice is harmless, so this call is retried after a lost answer.

        Raises:
            NotFound: no contact of this location has the id.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request.
        API: DELETE /contacts/{contactId}/campaigns/removeAll
        API: DELETE /contacts/{contactId}/campaigns/remove-all
        """
        operation = "automations.remove_from_all_campaigns"
        template = _REMOVE_ALL[self._generation]
        request = Request(operation=operation, method="DELETE", template=template, ids=(contact_id,), scope=_SCOPE)
        expect_success(await self._send(request), operation)

    async def add_to_workflow(
        self, contact_id: ContactId, workflow_id: WorkflowId, /, *, starts_at: datetime | None = None
    ) -> None:
        """Put a contact into a workflow.

        A second time may start the workflow anew, with all that it sends: so it is never repeated, and no read shows
        whether it was done.

        Args:
            starts_at: aware; the time of the event, for workflows that count from one.

        Raises:
            UsageError: `starts_at` has no zone, or is not from 1970 to 9998; nothing was sent.
            NotFound: no contact of this location has the id, or there is no such workflow.
            OutcomeUnknown: the answer was lost: it may or may not have been done.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request.
        API: POST /contacts/{contactId}/workflow/{workflowId}
        """
        if starts_at is not None:
            require_instant("starts_at", starts_at)
        body: object = {} if starts_at is None else _Start(starts_at)
        await self._workflow("automations.add_to_workflow", "POST", contact_id, workflow_id, body)

    async def remove_from_workflow(self, contact_id: ContactId, workflow_id: WorkflowId, /) -> None:
        """Take a contact out of a workflow.

        It is retried after a lost answer; that nothing is found then means that it is done.

        Raises:
            NotFound: no contact of this location has the id, or there is no such workflow.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request.
        API: DELETE /contacts/{contactId}/workflow/{workflowId}
        """
        # The schema demands a body, the server none: an empty object suits both.
        await self._workflow("automations.remove_from_workflow", "DELETE", contact_id, workflow_id, {})

    async def campaigns(self, *, status: str | None = None) -> list[Campaign]:
        """List the campaigns of the location.

        Args:
            status: only those; for example "published".

        Raises:
            UsageError: `status` is blank; nothing was sent.
            ScopeMissing: the token lacks campaigns.readonly.
            DecodeError: the reply has not the promised shape, or one campaign of it.

        Cost: 1 request.
        API: GET /campaigns/
        """
        query = [("locationId", self.location_id)]
        if status is not None:
            require_text("status", status)
            query.append(("status", status))
        request = Request(
            operation="automations.campaigns",
            method="GET",
            template="/campaigns/",
            query=tuple(query),
            scope="campaigns.readonly",
        )
        return whole(Envelope(await self._send(request), request.operation).many(Campaign, "campaigns"))

    async def workflows(self) -> list[Workflow]:
        """List the workflows of the location, drafts included.

        Raises:
            ScopeMissing: the token lacks workflows.readonly.
            DecodeError: the reply has not the promised shape, or one workflow of it.

        Cost: 1 request.
        API: GET /workflows/
        """
        request = Request(
            operation="automations.workflows",
            method="GET",
            template="/workflows/",
            query=(("locationId", self.location_id),),
            scope="workflows.readonly",
        )
        return whole(Envelope(await self._send(request), request.operation).many(Workflow, "workflows"))

    async def _campaign(self, operation: str, method: str, contact_id: str, campaign_id: str) -> None:
        request = Request(
            operation=operation,
            method=method,
            template="/contacts/{contactId}/campaigns/{campaignId}",
            ids=(contact_id, campaign_id),
            body={} if method == "POST" else None,  # the schema demands an object, and describes no property of it
            idempotent=method == "DELETE",
            scope=_SCOPE,
        )
        expect_success(await self._send(request), operation)

    async def _workflow(self, operation: str, method: str, contact_id: str, workflow_id: str, body: object) -> None:
        request = Request(
            operation=operation,
            method=method,
            template="/contacts/{contactId}/workflow/{workflowId}",
            ids=(contact_id, workflow_id),
            body=body,
            idempotent=method == "DELETE",
            scope=_SCOPE,
        )
        expect_success(await self._send(request), operation)
