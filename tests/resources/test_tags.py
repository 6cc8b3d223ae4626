"""Tags of many contacts: chunks, sizes that are learned, and one result for each contact."""

import pytest

from ghl_async.client import Resources
from ghl_async.errors import BadRequest, DecodeError, ErrorReply, Unauthorized, Unprocessable
from ghl_async.models import TagResult

from .recording import TRACE, Recording

IDS = [f"C{number}" for number in range(1200)]


class Server:
    """A server that takes so many contacts a request."""

    def __init__(self, most=500, refusal="contacts must contain no more than 500 elements"):
        self.most = most
        self.refusal = refusal
        self.sizes = []
        self.inner = Recording({})

    async def __call__(self, request):
        ids = request.body["contacts"]
        self.sizes.append(len(ids))
        if len(ids) > self.most:
            raise Unprocessable("no", operation=request.operation, status=422, messages=[self.refusal])
        said = [{"contactId": each, "message": "Tags updated", "type": "success", "tagsAdded": ["x"]} for each in ids]
        self.inner.bodies = Recording({"succeded": True, "errorCount": 0, "responses": said, **TRACE}).bodies
        return await self.inner(request)


async def test_many_contacts_are_tagged_five_hundred_a_request():
    server = Server()
    results = await Resources(server, "L1").tags.add_many([*IDS, "C0", "C1"], ["x"])
    assert server.sizes == [500, 500, 200]
    assert [result.contact_id for result in results] == IDS
    assert results[0] == TagResult(contact_id="C0", ok=True, tags_added=("x",))
    request = server.inner.requests[0]
    assert (request.operation, request.method) == ("tags.add_many", "POST")
    assert (request.template, request.ids) == ("/contacts/bulk/tags/update/{type}", ("add",))
    assert (request.idempotent, request.version, request.scope) == (True, "2021-07-28", "contacts.write")
    assert server.inner.sent_bodies[2] == {"contacts": IDS[1000:], "locationId": "L1", "tags": ["x"]}


async def test_the_size_the_server_takes_is_learned_and_remembered():
    server = Server(most=130)
    tags = Resources(server, "L1").tags
    assert all(result.ok for result in await tags.add_many(IDS[:300], ["x"]))
    assert server.sizes == [300, 150, 75, 75, 75, 75]
    await tags.remove_many(IDS[:100], ["x"])
    assert server.sizes[6:] == [75, 25]


async def test_a_payload_that_is_too_large_is_a_size_too():
    send = Recording(
        ErrorReply("no", operation="x", status=413),
        {"succeded": True, "responses": [{"contactId": "C0", "type": "success"}]},
        {"succeded": True, "responses": [{"contactId": "C1", "type": "success"}]},
    )
    assert [each.ok for each in await Resources(send, "L1").tags.add_many(["C0", "C1"], ["x"])] == [True, True]


@pytest.mark.parametrize(
    "refusal",
    [
        Unprocessable("no", operation="x", status=422, messages=["each value in tags must be a string"]),
        Unauthorized("no", operation="x", status=401, messages=["Invalid JWT: limit"]),
    ],
)
async def test_another_refusal_is_no_reason_to_ask_for_less(refusal):
    send = Recording(refusal)
    with pytest.raises(type(refusal)):
        await Resources(send, "L1").tags.add_many(IDS[:10], ["x"])
    assert len(send.requests) == 1


async def test_each_contact_has_its_result_in_the_words_of_the_server():
    said = [
        {"contactId": "C0", "message": "Tags updated", "type": "success", "oldTags": ["a"], "tagsRemoved": ["a"]},
        {"contactId": "C1", "message": "contact is deleted", "type": "error"},
        {"contactId": "C2", "type": "error"},
        "a text, as the schema says",
        {"contactId": 7},
    ]
    send = Recording({"succeded": True, "errorCount": 2, "responses": said, **TRACE})
    results = await Resources(send, "L1").tags.remove_many(["C3", "C2", "C1", "C0"], all_tags=True)
    assert [(each.contact_id, each.ok, each.reason) for each in results] == [
        ("C3", False, "the answer does not mention the contact"),
        ("C2", False, "the server gives no reason"),
        ("C1", False, "contact is deleted"),
        ("C0", True, None),
    ]
    assert (results[3].old_tags, results[3].tags_removed) == (("a",), ("a",))
    (body,) = send.sent_bodies
    assert body == {"contacts": ["C3", "C2", "C1", "C0"], "locationId": "L1", "tags": [], "removeAllTags": True}
    assert send.request.ids == ("remove",)


async def test_what_is_done_is_not_lost_when_a_later_request_fails():
    said = [{"contactId": each, "type": "success"} for each in IDS[:500]]
    send = Recording({"succeded": True, "responses": said}, BadRequest("broken", operation="x", status=400))
    results = await Resources(send, "L1").tags.add_many(IDS, ["x"])
    assert [result.ok for result in results] == [True] * 500 + [False] * 700
    assert results[500].reason == "broken"
    assert results[1199].reason == "not sent, because the request before failed: broken"
    assert [result.sent for result in results] == [True] * 1000 + [False] * 200
    assert len(send.requests) == 2


@pytest.mark.parametrize(
    ("reply", "error"),
    [({"succeded": False, "responses": []}, ErrorReply), ({"succeded": True}, DecodeError), (b"", DecodeError)],
)
async def test_an_answer_without_results_is_an_error_where_nothing_is_lost_by_it(reply, error):
    with pytest.raises(error):
        await Resources(Recording(reply), "L1").tags.add_many(["C0"], ["x"])


async def test_a_refusal_that_only_sounds_like_one_of_the_size_teaches_nothing():
    server = Server(most=0, refusal="tags exceed the limit of the plan")
    tags = Resources(server, "L1").tags
    with pytest.raises(Unprocessable):
        await tags.add_many(IDS[:100], ["x"])
    server.most = 500
    server.sizes.clear()
    await tags.add_many(IDS[:500], ["x"])
    assert server.sizes == [500]


async def test_a_refusal_that_is_not_about_the_size_is_recognised_when_it_comes_again():
    server = Server(most=0, refusal="each tag must be shorter than the maximum length")
    tags = Resources(server, "L1").tags
    for _ in range(20):
        with pytest.raises(Unprocessable):
            await tags.add_many(IDS[:500], ["x"])
    assert server.sizes == [500, 250, 125, 62, 31, 15, 7, 3, 1] + [500] * 19
