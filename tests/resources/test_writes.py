"""Every write: which request goes out in which retry class, what becomes of the answer, and of one that says no."""

import pytest

from ghl_async.client import Resources
from ghl_async.errors import BadRequest, DecodeError, ErrorReply, NotFound
from ghl_async.models import ItemResult, Record, TaskDraft, Upserted
from ghl_async.wire.request import Reply

from . import writes, writes_elsewhere
from .recording import TRACE, Recording
from .writes import AT

WRITES = [*writes.WRITES, *writes_elsewhere.WRITES]
FLAGS = {"succeeded", "succeded", "success"}


def of_each(chosen):
    """The test runs for each of these writes."""
    ids = [f"{write.operation}-{write.generation}-{number}" for number, write in enumerate(chosen)]
    return pytest.mark.parametrize("write", chosen, ids=ids)


def resources(send, write):
    return Resources(send, "L1", generation=write.generation)


def shown(result):
    """A record by its id, all else whole."""
    if isinstance(result, Upserted):
        return result.new, result.contact.id
    return result.id if isinstance(result, Record) else result


@of_each(WRITES)
async def test_a_write_is_one_request_of_the_right_retry_class(write):
    send = Recording(write.reply)
    result = await write.call(resources(send, write))
    assert shown(result) == write.result
    request = send.request
    assert (request.operation, request.method, request.template) == (write.operation, write.method, write.template)
    assert (request.ids, request.query) == (write.ids, ())
    assert send.sent_bodies == [write.body]
    assert (request.idempotent, request.version, request.scope) == (write.idempotent, write.version, write.scope)


@of_each(WRITES)
async def test_a_refusal_of_the_server_comes_through_with_its_words(write):
    refusal = BadRequest("no", operation=write.operation, status=400, messages=["The reason."], request_id="t")
    with pytest.raises(BadRequest) as caught:
        await write.call(resources(Recording(refusal), write))
    assert caught.value is refusal


@of_each([write for write in WRITES if FLAGS & write.reply.keys()])
@pytest.mark.parametrize("flag", sorted(FLAGS))
async def test_a_success_that_says_it_did_not_succeed_is_an_error(write, flag):
    reply = {**write.reply, flag: False, "message": "Not now.", **TRACE}
    with pytest.raises(ErrorReply, match="did not succeed") as caught:
        await write.call(resources(Recording(reply), write))
    error = caught.value
    assert (error.operation, error.status, error.messages) == (write.operation, 200, ["Not now."])
    assert error.request_id == TRACE["traceId"]


@of_each([write for write in WRITES if write.result is None])
async def test_a_delete_without_a_body_in_its_answer_is_done(write):
    assert await write.call(resources(Recording(b""), write)) is None
    with pytest.raises(DecodeError):
        await write.call(resources(Recording(b"<html>"), write))


@pytest.mark.parametrize("resource", ["tags", "contacts"])
async def test_a_removal_that_was_repeated_and_met_no_contact_says_so(resource):
    """To the wire a repeated DELETE that finds nothing is done; here it means that the contact itself went."""
    ghl = Resources(Recording(Reply(status=400, body=b"")), "L1")
    remove = ghl.tags.remove if resource == "tags" else ghl.contacts.remove_followers
    with pytest.raises(NotFound, match="not there any more"):
        await remove("C1", ["x"])


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"tags":null}', b'{"tags":[1]}'])
async def test_an_answer_without_its_list_is_a_decode_error(body):
    with pytest.raises(DecodeError, match=r"^tags\.add: "):
        await Resources(Recording(body), "L1").tags.add("C1", ["x"])


async def test_contacts_are_assigned_to_a_business_fifty_a_request():
    ids = [f"C{number}" for number in range(60)]
    send = Recording({"success": True, "ids": ids[:49]}, {"success": True, "ids": ids[50:]})
    results = await Resources(send, "L1").businesses.assign([*ids, "C0"], None)
    assert [result.contact_id for result in results] == ids
    assert [result.contact_id for result in results if not result.ok] == ["C49"]
    assert results[49].reason == "the answer does not name the contact"
    assert results[0] == ItemResult(contact_id="C0", ok=True)
    request = send.requests[0]
    assert (request.operation, request.method, request.template) == (
        "businesses.assign",
        "POST",
        "/contacts/bulk/business",
    )
    assert (request.idempotent, request.scope) == (True, "contacts.write")
    assert send.sent_bodies == [
        {"locationId": "L1", "ids": ids[:50], "businessId": None},
        {"locationId": "L1", "ids": ids[50:], "businessId": None},
    ]


async def test_a_task_is_made_in_two_requests_because_its_newness_must_be_known():
    send = Recording({"tasks": []}, {"task": {"id": "T1"}})
    task = await Resources(send, "L1").tasks.create("C1", TaskDraft(title="call", due_date=AT))
    assert task.id == "T1"
    assert send.operations == ["tasks.list", "tasks.create"]
