"""The embedded store: what it keeps, what it replaces, what it counts, and what people can ask it.

How it fails, waits and survives stands in test_store_failures.py.
"""

import asyncio
import threading

import pytest

from ghl_async.bulk._schema import SCHEMA_VERSION
from ghl_async.bulk.store import Counts, Hole, Identity, QuarantinedRow, Row, SQLiteStore
from ghl_async.errors import UsageError

from .store_rows import EVERYTHING, ask, batch, contact, rows


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
async def store(path):
    async with SQLiteStore(path) as opened:
        await opened.begin(EVERYTHING)
        yield opened


async def test_a_new_store_is_empty_and_says_so(path):
    async with SQLiteStore(path) as store:
        checkpoint = await store.begin(EVERYTHING)
    assert (checkpoint.state, checkpoint.cursor, checkpoint.pass_number, checkpoint.read) == ("new", None, 1, 0)
    assert checkpoint.counts == Counts(0, 0, 0, 0, 0, 0)
    assert checkpoint.started_at.utcoffset().total_seconds() == 0


async def test_a_store_goes_on_where_it_stopped(path):
    async with SQLiteStore(path) as store:
        first = await store.begin(EVERYTHING)
        await store.commit(batch(contact("a", tasks=rows("t1", "t2")), contact("b", notes=rows("n1")), cursor=b"[1]"))
        await store.commit(batch(contact("c", appointments=rows("e1"), holes={"tasks": "500"}), cursor=b"[2]"))
    async with SQLiteStore(path) as store:
        again = await store.begin(EVERYTHING)
    assert (again.state, again.cursor, again.pass_number, again.read) == ("running", b"[2]", 1, 3)
    assert again.counts == Counts(contacts=3, tasks=2, notes=1, appointments=1, quarantined=0, holes=1)
    assert again.started_at == first.started_at


async def test_raw_bytes_come_back_exactly(store, path):
    raws = {
        "spaces": b'{ "id" : "spaces",\n\t"n": 1.10e+2 }',
        "unicode": '{"id":"unicode","name":"Zoë 👩‍👩‍👧 \\u0000 ١"}'.encode(),
        "long": b'{"id":"long","body":"' + b"x" * 300_000 + b'"}',
    }
    await store.commit(batch(*(contact(id_, raw=raw, notes=(Row("n", raw),)) for id_, raw in raws.items())))
    for table, key in (("landing_contacts", "id"), ("landing_notes", "contact_id")):
        stored = ask(path, f"SELECT {key}, CAST(raw AS BLOB) FROM {table}")  # noqa: S608
        assert dict(stored) == raws


async def test_a_batch_without_a_cursor_leaves_the_cursor_alone(store):
    await store.commit(batch(contact("a"), cursor=b"[7]"))
    await store.commit(batch(contact("a")))
    await store.finish(prune=False)
    await store.commit(batch(contact("a")))
    await store.close()
    async with SQLiteStore(store.path) as again:
        assert (await again.begin(EVERYTHING)).state == "finished"


async def test_a_contact_read_twice_in_a_pass_counts_once(store):
    await store.commit(batch(contact("a"), contact("b"), contact("a"), cursor=b"[1]"))
    await store.commit(batch(contact("b")))
    await store.close()
    async with SQLiteStore(store.path) as again:
        assert (await again.begin(EVERYTHING)).read == 2


async def test_a_kind_that_was_read_replaces_what_was_there_and_touches_only_what_differs(store, path):
    await store.commit(batch(contact("a", tasks=rows("t1", "t2", "t3"), notes=rows("n1"))))
    before = dict(ask(path, "SELECT id, rowid FROM landing_tasks"))
    await store.commit(batch(contact("a", tasks=rows("t2") + rows("t3", text="new") + rows("t4"))))
    after = dict(ask(path, "SELECT id, rowid FROM landing_tasks"))
    assert after.keys() == {"t2", "t3", "t4"}
    assert after["t2"] == before["t2"]
    assert ask(path, "SELECT title FROM tasks WHERE id = 't3'") == [("new",)]
    assert ask(path, "SELECT id FROM notes") == [("n1",)]
    await store.commit(batch(contact("a", tasks=())))
    assert (await store.counts()) == Counts(contacts=1, tasks=0, notes=1, appointments=0, quarantined=0, holes=0)


@pytest.mark.parametrize(
    ("stored", "sent", "wins"),
    [
        ("2024-05-01T10:00:00.000Z", "2024-05-01T10:00:00.001Z", "sent"),
        ("2024-05-01T10:00:00.001Z", "2024-05-01T10:00:00.000Z", "stored"),
        ("2024-05-01T10:00:00.000Z", "2024-05-01T10:00:00.000Z", "sent"),
        ("2024-05-01T10:00:00Z", "2024-05-01T11:30:00+02:00", "stored"),
        ("2024-05-01T10:00:00", "2024-05-01T09:00:00Z", "stored"),
        (None, "2024-05-01T10:00:00Z", "sent"),
        ("2024-05-01T10:00:00Z", None, "sent"),
        ("yesterday", "2024-05-01T10:00:00Z", "sent"),
    ],
)
async def test_the_newer_reading_wins(store, path, stored, sent, wins):
    await store.commit(batch(contact("a", updated=stored, raw=b'{"email":"stored"}')))
    await store.commit(batch(contact("a", updated=sent, raw=b'{"email":"sent"}', tasks=rows("t"))))
    assert ask(path, "SELECT email, date_updated FROM contacts") == [(wins, sent if wins == "sent" else stored)]
    assert ask(path, "SELECT id FROM tasks") == [("t",)]


async def test_an_older_reading_still_shows_that_the_contact_exists(store):
    await store.commit(batch(contact("a", updated="2024-05-02T00:00:00Z")))
    await store.finish(prune=True)
    await store.next_pass()
    await store.commit(batch(contact("a", updated="2024-05-01T00:00:00Z")))
    assert await store.finish(prune=True) == 0
    assert (await store.counts()).contacts == 1


async def test_a_hole_stays_until_its_kind_is_read_and_goes_to_the_end_of_the_line_when_tried_again(store):
    await store.commit(batch(contact("a", holes={"tasks": "500", "notes": "500"}), contact("b", holes={"tasks": "t"})))
    await store.commit(batch(contact("a", holes={"tasks": "502"})))
    assert await store.holes() == [Hole("a", "notes", "500"), Hole("b", "tasks", "t"), Hole("a", "tasks", "502")]
    assert await store.holes(limit=1) == [Hole("a", "notes", "500")]
    await store.commit(batch(contact("a", tasks=(), notes=rows("n"))))
    assert await store.holes() == [Hole("b", "tasks", "t")]


async def test_quarantined_children_are_replaced_when_their_kind_is_read_again(store, path):
    bad = {kind: QuarantinedRow(kind, f"{kind}-1", "no title", b"\xff{") for kind in ("tasks", "notes")}
    await store.commit(batch(contact("a", tasks=(), notes=(), quarantined=tuple(bad.values()))))
    assert ask(path, "SELECT kind, contact_id, id, reason, raw FROM quarantine ORDER BY kind") == [
        ("notes", "a", "notes-1", "no title", b"\xff{"),
        ("tasks", "a", "tasks-1", "no title", b"\xff{"),
    ]
    await store.commit(batch(contact("a", notes=(), quarantined=(bad["notes"],))))
    assert (await store.counts()).quarantined == 2
    await store.commit(batch(contact("a", tasks=rows("t"), holes={"notes": "500"})))
    assert ask(path, "SELECT kind FROM quarantine") == [("notes",)]


async def test_bytes_that_are_no_text_are_quarantined_beside_the_older_readable_version(store, path):
    await store.commit(batch(contact("a", raw=b'{"email":"good"}')))
    await store.finish(prune=True)
    await store.next_pass()
    broken = (Row("t", b'{"id":"t","title":"\xe9"}'),)
    await store.commit(batch(contact("a", raw=b'{"email":"\xe9"}', tasks=broken + rows("u"))))
    await store.commit(batch(contact("b", raw=b"\xe9")))
    assert await store.finish(prune=True) == 0
    assert ask(path, "SELECT kind, contact_id, id, reason, raw FROM quarantine ORDER BY contact_id, kind") == [
        ("contacts", "a", "a", "not valid UTF-8", b'{"email":"\xe9"}'),
        ("tasks", "a", "t", "not valid UTF-8", b'{"id":"t","title":"\xe9"}'),
        ("contacts", "b", "b", "not valid UTF-8", b"\xe9"),
    ]
    assert ask(path, "SELECT email FROM contacts") == [("good",)]
    assert ask(path, "SELECT id FROM tasks") == [("u",)]


async def test_a_contact_that_does_not_decode_leaves_quarantine_when_it_does(store, path):
    await store.commit(batch(contact("a", raw=b'{"email":"good"}')))
    await store.finish(prune=True)
    await store.next_pass()
    for _ in range(2):
        await store.commit(batch(quarantined=[QuarantinedRow("contacts", "a", "tags: 7", b"{}")]))
    assert (await store.counts()).quarantined == 1
    assert await store.finish(prune=True) == 0
    assert ask(path, "SELECT email FROM contacts") == [("good",)]
    await store.commit(batch(contact("a")))
    assert (await store.counts()).quarantined == 0


async def test_records_without_an_id_count_in_the_pass_that_saw_them(store, path):
    nameless = QuarantinedRow("contacts", None, "no id", b"{}")
    await store.commit(batch(quarantined=(nameless, nameless), cursor=b"[1]"))
    assert (await store.counts()).quarantined == 2
    await store.finish(prune=True)
    await store.next_pass()
    await store.commit(batch(quarantined=(nameless,)))
    assert (await store.counts()).quarantined == 1
    assert ask(path, "SELECT count(*) FROM quarantine") == [(3,)]
    await store.finish(prune=True)
    assert ask(path, "SELECT count(*) FROM quarantine") == [(1,)]


async def test_a_record_without_an_id_counts_once_in_a_pass_that_was_resumed(store):
    nameless = QuarantinedRow("contacts", None, "no id", b'{"name":"?"}')
    assert await store.commit(batch(contact("C1"), quarantined=(nameless,), cursor=b"1")) == 2
    assert await store.commit(batch(contact("C1"), quarantined=(nameless,), cursor=b"1")) == 0


async def test_what_a_pass_has_not_met_can_be_listed(store):
    await store.commit(batch(contact("C1"), contact("C2"), cursor=b"1"))
    await store.finish(prune=False)
    await store.next_pass()
    await store.commit(batch(contact("C2"), cursor=b"1"))
    assert await store.unseen() == ["C1"]


async def test_a_finished_refresh_removes_what_it_has_not_seen_with_all_that_belongs_to_it(store):
    bad = QuarantinedRow("notes", None, "no id", b"{}")
    whole = {"tasks": rows("t1"), "notes": rows("n1"), "appointments": rows("e1")}
    await store.commit(batch(contact("stays", **whole), contact("goes", **whole, quarantined=(bad,)), cursor=b"[1]"))
    await store.commit(batch(contact("goes too", holes={"tasks": "500"}), contact("unreadable", raw=b"\xff", **whole)))
    assert await store.finish(prune=True) == 0
    refresh = await store.next_pass()
    assert (refresh.state, refresh.cursor, refresh.pass_number, refresh.read) == ("running", None, 2, 0)
    assert refresh.counts == Counts(
        contacts=3, tasks=3, notes=3, appointments=3, quarantined=2, holes=1, contacts_apart=1
    )
    await store.commit(batch(contact("stays")))
    assert await store.finish(prune=True) == 2
    assert await store.counts() == Counts(contacts=1, tasks=1, notes=1, appointments=1, quarantined=0, holes=0)


async def test_a_finish_without_prune_removes_nothing(store):
    await store.commit(batch(contact("a", tasks=rows("t"))))
    await store.finish(prune=False)
    await store.next_pass()
    assert await store.finish(prune=False) == 0
    assert (await store.counts()).tasks == 1


async def test_a_refresh_needs_a_finished_pass(store):
    await store.commit(batch(contact("a"), cursor=b"[1]"))
    with pytest.raises(UsageError, match="not finished"):
        await store.next_pass()
    await store.commit(batch(contact("b"), cursor=b"[2]"))
    assert (await store.counts()).contacts == 2


@pytest.mark.parametrize("finished", [False, True])
async def test_without_resume_a_store_starts_a_new_pass_and_deletes_nothing(path, finished):
    async with SQLiteStore(path) as store:
        assert (await store.begin(EVERYTHING, resume=False)).state == "new"
        await store.commit(batch(contact("a", tasks=rows("t")), cursor=b"[1]"))
        if finished:
            await store.finish(prune=True)
    async with SQLiteStore(path) as store:
        again = await store.begin(EVERYTHING, resume=False)
    assert (again.state, again.cursor, again.pass_number, again.read) == ("running", None, 2, 0)
    assert (again.counts.contacts, again.counts.tasks) == (1, 1)


async def test_the_order_of_the_included_kinds_does_not_matter(path):
    for include in (("notes", "tasks"), ("tasks", "notes")):
        async with SQLiteStore(path) as store:
            await store.begin(Identity("loc1", "", include))


async def test_a_sample_is_of_this_pass_without_holes_and_names_all_ids(store):
    bad = QuarantinedRow("notes", "n9", "no body", b"{}")
    assert await store.sample(5) == []
    await store.commit(batch(contact("old"), contact("a"), contact("hole")))
    await store.finish(prune=False)
    await store.next_pass()
    await store.commit(batch(contact("a", notes=rows("n1"), quarantined=(bad,)), contact("hole", holes={"tasks": "5"})))
    (only,) = await store.sample(5)
    assert only.id == "a"
    assert only.children == {"tasks": frozenset(), "notes": {"n1", "n9"}, "appointments": frozenset()}
    assert await store.sample(0) == []


async def test_a_sample_is_random_and_of_the_size_asked_for(store):
    await store.commit(batch(*(contact(f"c{number}") for number in range(200))))
    samples = [{one.id for one in await store.sample(10)} for _ in range(40)]
    assert {len(sample) for sample in samples} == {10}
    assert len(set().union(*samples)) > 100


async def test_a_sample_names_the_included_kinds_only(path):
    async with SQLiteStore(path) as store:
        await store.begin(Identity("loc1", "", ("notes",)))
        await store.commit(batch(contact("a", notes=())))
        assert [one.children for one in await store.sample(1)] == [{"notes": frozenset()}]


async def test_people_find_their_columns_in_the_views(store, path):
    found = (
        b'{"id":"a","firstName":"Zo\xc3\xab","lastName":null,"email":"z@example.com","phone":"+4912","tags":["vip","x"],'
        b'"address":"Main 1","city":"Ulm","customFields":[{"id":"f1","value":"red"},{"id":"f2","value":[1,2]},7,'
        b'{"id":"f3","value":2.5}]}'
    )
    listed = b'{"id":"b","firstName":"max","firstNameRaw":"Max","address1":"Side 2","customFields":null,"dnd":true}'
    task = Row("t", b'{"id":"t","title":"Call","dueDate":"2024-02-03T00:00:00.000Z","completed":false}')
    note = Row("n", b'{"id":"n","body":"<p>hi</p>","bodyText":"hi","userId":null,"pinned":true}')
    event = Row("e", b'{"id":"e","title":"Visit","appoinmentStatus":"confirmed","startTime":"2024-02-03 10:00:00"}')
    await store.commit(
        batch(contact("a", raw=found, tasks=(task,), notes=(note,), appointments=(event,)), contact("b", raw=listed))
    )
    assert ask(path, "SELECT first_name, last_name, email, phone, street, city, dnd FROM contacts ORDER BY id") == [
        ("Zoë", None, "z@example.com", "+4912", "Main 1", "Ulm", None),
        ("Max", None, None, None, "Side 2", None, 1),
    ]
    vip = "SELECT c.id FROM contacts c, json_each(c.tags) t WHERE t.value = 'vip'"
    assert ask(path, vip) == [("a",)]
    assert ask(path, "SELECT read_at LIKE '20__-__-__T__:__:__.___Z' FROM contacts") == [(1,), (1,)]
    assert ask(path, "SELECT field_id, value FROM custom_field_values WHERE contact_id = 'a'") == [
        ("f1", "red"),
        ("f2", "[1,2]"),
        ("f3", 2.5),
    ]
    assert ask(path, "SELECT count(*) FROM custom_field_values") == [(3,)]
    assert ask(path, "SELECT contact_id, title, due_date, completed FROM tasks") == [
        ("a", "Call", "2024-02-03T00:00:00.000Z", 0)
    ]
    assert ask(path, "SELECT body_text, user_id, pinned FROM notes") == [("hi", None, 1)]
    assert ask(path, "SELECT title, status, start_time FROM appointments") == [
        ("Visit", "confirmed", "2024-02-03 10:00:00")
    ]


async def test_half_of_an_emoji_is_readable_in_the_views_and_exact_in_raw(store, path):
    """SQLite makes bytes of it that Python takes for no text, and the whole query would fail."""
    cut, child = rb'{"id":"C1","firstName":"Ann \ud83d","email":"a@b.c"}', rb'{"id":"T1","title":"\ude00!"}'
    await store.commit(batch(contact("C1", raw=cut, tasks=(Row("T1", child),)), contact("C2")))
    assert ask(path, "SELECT first_name, email FROM contacts WHERE id = 'C1'") == [("Ann \ufffd", "a@b.c")]
    assert ask(path, "SELECT title FROM tasks") == [("\ufffd!",)]
    assert ask(path, "SELECT raw FROM contacts ORDER BY id") == [(cut.decode(),), ('{"id":"C2"}',)]
    assert ask(path, "SELECT raw FROM tasks") == [(child.decode(),)]


async def test_a_nul_cuts_no_value_short_in_the_views_and_is_exact_in_raw(store, path):
    r"""SQLite ends a text at its first NUL, and what stands behind it would be missing without a word."""
    sent = (
        rb'{"id":"C1","firstName":"A\u0000Lee","city":"\\u0000","customFields":[{"id":"F","value":"\u0000\\\u0000"}]}'
    )
    await store.commit(batch(contact("C1", raw=sent, notes=(Row("N1", rb'{"id":"N1","body":"a\u0000b\ud83d"}'),))))
    assert ask(path, "SELECT first_name, city FROM contacts") == [("A\ufffdLee", r"\u0000")]
    assert ask(path, "SELECT value FROM custom_field_values") == [("\ufffd\\\ufffd",)]
    assert ask(path, "SELECT body FROM notes") == [("a\ufffdb\ufffd",)]
    assert ask(path, "SELECT raw FROM contacts") == [(sent.decode(),)]


async def test_the_file_is_marked_as_ours_and_its_indexes_come_at_the_end(store, path):
    indexed = "SELECT count(*) FROM sqlite_master WHERE name = 'contacts_date_updated'"
    await store.commit(batch(contact("a")))
    assert ask(path, indexed) == [(0,)]
    await store.finish(prune=True)
    assert ask(path, indexed) == [(1,)]
    log = path.with_name("store.db-wal")
    assert log.stat().st_size == 0
    await store.close()
    assert not log.exists()
    assert ask(path, "PRAGMA application_id") == [(int.from_bytes(b"GHLA"),)]
    assert ask(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert ask(path, "PRAGMA page_size") == [(8192,)]
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]


async def test_the_write_ahead_log_does_not_grow_with_the_run(store, path):
    filler = b'{"pad":"' + b"x" * 20_000 + b'"}'
    for number in range(60):
        await store.commit(batch(*(contact(f"{number}-{i}", raw=filler) for i in range(20))))
    assert path.with_name("store.db-wal").stat().st_size < 16_000_000 < path.stat().st_size


def test_a_store_works_on_any_event_loop(path):
    counted = []

    async def work():
        async with SQLiteStore(path) as store:
            await store.begin(EVERYTHING)
            await store.commit(batch(contact("a")))
            counted.append(await store.counts())

    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    thread.join()
    assert counted == [Counts(1, 0, 0, 0, 0, 0)]
