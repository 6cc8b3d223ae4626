"""What the embedded store knows of a run's doubts: whom the location has, which doors to mistrust, what is new."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ghl_async.bulk.store import Counts, QuarantinedRow, SQLiteStore

from .store_rows import EVERYTHING, ask, batch, contact, rows


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
async def store(path):
    async with SQLiteStore(path) as opened:
        await opened.begin(EVERYTHING)
        yield opened


async def reopened(store, **options):
    """The checkpoint of whoever opens the store next."""
    await store.close()
    async with SQLiteStore(store.path) as again:
        return await again.begin(EVERYTHING, **options)


async def test_a_sweep_lists_the_contacts_that_were_not_noted(store):
    await store.commit(batch(*map(contact, "abcd")))
    await store.sweep(["a", "c"], is_first=True)
    await store.sweep(["c", "somebody new"], is_first=False)
    assert sorted(await store.unswept()) == ["b", "d"]


async def test_the_first_part_of_a_sweep_forgets_an_earlier_one(store):
    await store.commit(batch(*map(contact, "ab")))
    await store.sweep(["a"], is_first=True)
    await store.sweep(["b"], is_first=True)
    assert await store.unswept() == ["a"]


async def test_a_sweep_that_met_nobody_lists_everybody(store):
    await store.commit(batch(*map(contact, "ab")))
    await store.sweep([], is_first=True)
    assert sorted(await store.unswept()) == ["a", "b"]


async def test_a_sweep_writes_nothing_into_the_file(store, path):
    await store.commit(batch(contact("a")))
    before = ask(path, "SELECT name FROM sqlite_master ORDER BY name")
    await store.sweep(["a", "b"], is_first=True)
    assert ask(path, "SELECT name FROM sqlite_master ORDER BY name") == before


async def test_removed_contacts_go_with_all_that_belongs_to_them(store):
    bad = QuarantinedRow("notes", "n2", "no body", b"{}")
    whole = {"tasks": rows("t1"), "notes": rows("n1"), "appointments": rows("e1")}
    await store.commit(batch(contact("a", **whole), contact("b", **whole, quarantined=(bad,))))
    await store.commit(batch(contact("c", holes={"tasks": "500"})))
    assert await store.remove(["b", "c", "b", "unknown"]) == 2
    assert await store.counts() == Counts(contacts=1, tasks=1, notes=1, appointments=1, quarantined=0, holes=0)
    assert await store.remove([]) == 0


async def test_doubts_add_up_and_stay_through_passes(store):
    await store.doubt(["notes"])
    await store.doubt(["appointments", "notes"])
    await store.commit(batch(contact("a"), cursor=b"[1]"))
    await store.finish(prune=True)
    assert (await store.next_pass()).doubted == ("notes", "appointments")
    assert (await reopened(store)).doubted == ("notes", "appointments")


async def test_starting_over_forgets_the_doubts(store):
    await store.doubt(["tasks"])
    await store.commit(batch(contact("a"), cursor=b"[1]"))
    assert (await reopened(store, resume=False)).doubted == ()


async def test_a_doubt_is_no_part_of_what_the_store_is_a_copy_of(store):
    await store.doubt(["tasks"])
    assert (await reopened(store)).state == "new"


@pytest.mark.parametrize(
    ("dates", "newest"),
    [
        ((), None),
        ((None, None), None),
        (
            (None, "2024-05-01T10:00:00.001Z", "2024-05-01T10:00:00.000Z"),
            datetime(2024, 5, 1, 10, 0, 0, 1000, tzinfo=UTC),
        ),
        (("2091-01-01T00:00:00.000Z", "2024-05-01T10:00:00.000Z"), datetime(2024, 5, 1, 10, tzinfo=UTC)),
        (("2024-05-01T10:00:00.000Z", "yesterday"), datetime(2024, 5, 1, 10, tzinfo=UTC)),
    ],
)
async def test_the_checkpoint_names_the_newest_update_that_was_not_to_come_when_it_was_read(store, dates, newest):
    await store.commit(batch(*(contact(f"c{place}", updated=date) for place, date in enumerate(dates))))
    assert (await reopened(store)).newest == newest


async def test_the_reading_of_a_contact_begins_when_the_batch_says_so(store, path):
    early = contact("a")
    await store.commit(batch(early, contact("b")))
    read_at = dict(ask(path, "SELECT id, read_at FROM landing_contacts"))
    assert abs(read_at["a"] - datetime.now(UTC).timestamp()) < 60
    await store.commit(batch(type(early)(**{name: getattr(early, name) for name in early.__struct_fields__}
                                         | {"read_at": 123.5})))  # fmt: skip
    assert dict(ask(path, "SELECT id, read_at FROM landing_contacts"))["a"] == 123.5
    (sampled,) = [one for one in await store.sample(2) if one.id == "a"]
    assert sampled.read_at == 123.5
