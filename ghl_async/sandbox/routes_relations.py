"""What a contact has beside its profile: tags, followers, campaigns, workflows (facts 7.1 rows 13, 14, 27 to 33)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .call import CONTACTS_WRITE, Call, Operation
from .profiles import clean_tags
from .refusals import bad_request
from .routes_profiles import SUCCEEDED
from .shapes import expect_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .location import Location, Ref
    from .shapes import Shape

__all__ = ["RELATION_ROUTES", "set_quietly"]

_encode = msgspec.json.Encoder().encode


def set_quietly(call: Call, location: Location, ref: Ref, changes: dict[str, Any]) -> None:
    """Change what is no part of the profile; `dateUpdated` moves only where the option says so (facts 16.4)."""
    if not call.state.rules.children_touch_contact:
        changes = changes | {"dateUpdated": location.record(ref)["dateUpdated"]}
    location.change(location.id_of(ref), changes)


def _names(call: Call, name: str) -> list[str]:
    # rows 14 and 28: JSON in a DELETE too; that the list may be empty is a guess
    body = call.json()
    expect_shape(body, {name: "strings"}, (name,))
    names: list[str] = body[name]
    return clean_tags(names) if name == "tags" else list(dict.fromkeys(names))


def _give(call: Call, name: str) -> bytes:
    # rows 13 and 27: the full resulting set, and what is really new [live]
    given = _names(call, name)
    location, ref = call.contact(call.params[0], CONTACTS_WRITE)
    held = location.record(ref)[name]
    new = [one for one in given if one not in held]
    if new:
        set_quietly(call, location, ref, {name: [*held, *new]})
    return _encode({name: [*held, *new], f"{name}Added": new})


def _take(call: Call, name: str) -> bytes:
    # rows 14 and 28
    given = _names(call, name)
    location, ref = call.contact(call.params[0], CONTACTS_WRITE)
    held = location.record(ref)[name]
    left = [one for one in held if one not in given]
    if len(left) < len(held):
        set_quietly(call, location, ref, {name: left})
    return _encode({name: left, f"{name}Removed": [one for one in held if one in given]})


_WORKFLOW_BODY: Final[Mapping[str, Shape]] = {"eventStartTime": "instant"}


def _into(call: Call, kind: str, *, given: bool) -> bytes:
    """Put a contact into a campaign or a workflow, or take it out; out of one that it is not in is fine [guess]."""
    # rows 29, 30, 32, 33; a workflow works with no body at all [live]
    body = call.json()
    expect_shape(body, _WORKFLOW_BODY if kind == "activeWorkflows" else {})
    location, ref = call.contact(call.params[0], CONTACTS_WRITE)
    known = location.dictionaries.campaigns if kind == "campaigns" else location.dictionaries.workflows
    wanted = call.params[1]
    if all(one["id"] != wanted for one in known):  # what an unknown id answers is a guess
        noun = "Campaign" if kind == "campaigns" else "Workflow"
        raise bad_request(f"{noun} with id {wanted} not found")
    held = [one for one in location.record(ref).get(kind, []) if one != wanted]
    set_quietly(call, location, ref, {kind: [*held, wanted] if given else held})
    return SUCCEEDED


def _out_of_all_campaigns(call: Call) -> bytes:
    # row 31
    location, ref = call.contact(call.params[0], CONTACTS_WRITE)
    set_quietly(call, location, ref, {"campaigns": []})
    return SUCCEEDED


_TAGS, _FOLLOWERS = "/contacts/{contactId}/tags", "/contacts/{contactId}/followers"
_CAMPAIGN, _WORKFLOW = "/contacts/{contactId}/campaigns/{campaignId}", "/contacts/{contactId}/workflow/{workflowId}"
_put_in_campaign, _take_out_of_campaign = (partial(_into, kind="campaigns", given=given) for given in (True, False))
_put_in_workflow, _take_out_of_workflow = (
    partial(_into, kind="activeWorkflows", given=given) for given in (True, False)
)
_ALL_CAMPAIGNS: Final = "/contacts/{contactId}/campaigns"

RELATION_ROUTES: Final = (
    Operation("POST", _TAGS, partial(_give, name="tags"), status=201, writes=True),
    Operation("DELETE", _TAGS, partial(_take, name="tags"), writes=True),
    Operation("POST", _FOLLOWERS, partial(_give, name="followers"), status=201, writes=True),
    Operation("DELETE", _FOLLOWERS, partial(_take, name="followers"), writes=True),
    # row 31: these win over the campaign of that id, each in its own generation (facts 13 [spec])
    Operation("DELETE", f"{_ALL_CAMPAIGNS}/removeAll", _out_of_all_campaigns, only_dated=True, writes=True),
    Operation("DELETE", f"{_ALL_CAMPAIGNS}/remove-all", _out_of_all_campaigns, only_v3=True, writes=True),
    Operation("POST", _CAMPAIGN, _put_in_campaign, status=201, writes=True),
    Operation("DELETE", _CAMPAIGN, _take_out_of_campaign, writes=True),
    # row 32: 200 [spec]; a single report says 201 [blog]
    Operation("POST", _WORKFLOW, _put_in_workflow, writes=True),
    Operation("DELETE", _WORKFLOW, _take_out_of_workflow, writes=True),
)
