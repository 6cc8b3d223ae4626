"""bulk.verify: what it says to be mended is mended, and what it could not read is named."""

from __future__ import annotations

from ghl_async.bulk import Difference

from .bent import Bent
from .conftest import client_of
from .test_verify import is_whole, spoil, verify
from .test_verify_doubts import leaving_out
from .truth import oldest


def make_old(path, sandbox, contacts):
    """Have a store hold some contacts otherwise than the server."""
    for position in range(contacts):
        spoil(path, "UPDATE landing_contacts SET raw = json_set(raw, '$.city', 'Nowhere') WHERE id = ?",
              oldest(sandbox, position))  # fmt: skip


async def test_what_was_found_one_by_one_is_mended_one_by_one(sandbox, copied):
    contact_id, child_id = spoil(copied, "SELECT contact_id, id FROM landing_notes LIMIT 1 OFFSET 9")[0]
    spoil(copied, "DELETE FROM landing_notes WHERE id = ?", child_id)
    make_old(copied, sandbox, 5)  # so many that they are mended by the searches
    sandbox.faults.add(kind="drop_item", path_contains="/notes/search", times=1)
    async with Bent(sandbox, notes_search=leaving_out("notes", child_id)) as bent, client_of(bent) as ghl:
        found, summary = await verify(ghl, copied, repair=True)
    assert Difference(contact_id, "notes", child_id, "missing") in found
    assert (summary.exit_code, summary.verified.mended) == (0, True)
    assert {way.by for way in summary.ways} == {"task search", "note search", "calendar events"}
    assert is_whole(copied, sandbox)


async def test_a_contact_that_is_sent_as_it_was_when_it_is_to_be_mended_is_not_said_to_be_mended(sandbox, copied):
    contact_id = oldest(sandbox, 5)
    before: dict[str, object] = {}

    def bend(asked):
        def alter(said):
            for each in said["contacts"]:
                if each["id"] == contact_id and not before:
                    before.update(each)
                elif each["id"] == contact_id and asked.get("filters"):
                    each.update(before)

        return alter

    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
        await verify(ghl, copied)
        sandbox.state.main.change(contact_id, {"firstName": "Ada"})
        found, summary = await verify(ghl, copied, repair=True)
        assert [(each.id, each.what) for each in found] == [(contact_id, "stale")]
        assert (summary.exit_code, summary.verified.mended) == (1, False)
        assert "run it again" in summary.message
    async with client_of(sandbox) as ghl:
        assert (await verify(ghl, copied, repair=True))[1].exit_code == 0
    assert is_whole(copied, sandbox)
