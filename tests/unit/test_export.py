"""From a store's views to files: JSON lines, CSV, Parquet, and custom fields as columns."""

import csv
import io
import json
import sqlite3
from contextlib import closing

import pytest

from ghl_async.bulk import export, spread_custom_fields
from ghl_async.bulk._schema import SCHEMA_VERSION
from ghl_async.bulk._views import COLUMNS, custom_columns
from ghl_async.bulk.store import Identity, Row, SQLiteStore
from ghl_async.cli.columns import Manner, map_columns
from ghl_async.dictionary import custom_fields_by_name
from ghl_async.errors import StoreBusy, StoreFailed, StoreMismatch, UsageError
from ghl_async.models import CustomField
from ghl_async.models.contact_names import is_own

from .store_rows import EVERYTHING, ask, batch, contact

FIELDS = (
    CustomField(id="F1", name="Pin code", field_key="contact.pincode", location_id="loc1"),
    CustomField(id="F2", name="City", field_key="contact.town"),
    CustomField(id="F3", name="Twice", field_key="contact.twice"),
    CustomField(id="F4", name="twice", field_key=None),
    CustomField(id="F5", name='Say "hi", it\'s', field_key="contact.say"),
)
VALUES = [
    {"id": "F1", "value": 35061},
    {"id": "F2", "value": ["a", "b"]},
    {"id": "F3", "value": "[1]"},
    {"id": "F5", "value": {"k": None}},
    {"id": "gone", "value": "x"},
    {"value": "nameless"},
    "odd",
]
ANN = {
    "id": "a",
    "firstNameRaw": "Ann",
    "firstName": "ann",
    "tags": ["vip", "two\nlines"],
    "dnd": True,
    "address": "5 Elm",
    "customFields": VALUES,
}


@pytest.fixture
async def path(tmp_path):
    """A finished store of two contacts, a task, a note and an appointment."""
    path = tmp_path / "store.db"
    async with SQLiteStore(path) as store:
        await store.begin(EVERYTHING)
        children = {
            "tasks": (Row("t", b'{"id":"t","title":"Call\\r\\nback","completed":false}'),),
            "notes": (Row("n", rb'{"id":"n","body":"half \ud83d","pinned":true}'),),
            "appointments": (Row("p", b'{"id":"p","appoinmentStatus":"new","startTime":"2024-02-03 10:00:00"}'),),
        }
        ann = json.dumps(ANN, indent=1).encode()
        await store.commit(batch(contact("a", raw=ann, updated="2024-02-03T10:00:00.000Z", **children), contact("b")))
        await store.finish(prune=True)
    return path


def files(folder):
    """What is there besides the files of SQLite's own, which come and go with its readers."""
    return {each.name for each in folder.iterdir() if not each.name.endswith(("-lock", "-wal", "-shm"))}


async def lines(path, view, **options):
    file = io.BytesIO()
    await export(path, view, file, format="jsonl", **options)
    return [json.loads(line) for line in file.getvalue().splitlines()]


async def test_json_lines_hold_lists_and_flags_as_json_has_them(path):
    ann, other = await lines(path, "contacts")
    assert (ann["id"], ann["first_name"], ann["street"], ann["city"]) == ("a", "Ann", "5 Elm", None)
    assert ann["tags"] == ["vip", "two\nlines"]
    assert ann["dnd"] is True
    assert ann["date_added"] == "2024-01-01T00:00:00.000Z"
    assert other["tags"] is other["dnd"] is None
    (task,) = await lines(path, "tasks")
    assert (task["contact_id"], task["title"], task["completed"]) == ("a", "Call\r\nback", False)
    (note,) = await lines(path, "notes")
    assert (note["body"], note["pinned"]) == ("half \ufffd", True)
    (appointment,) = await lines(path, "appointments")
    assert (appointment["status"], appointment["start_time"]) == ("new", "2024-02-03 10:00:00")


async def test_raw_is_the_record_as_it_was_sent_on_one_line(path):
    ann, other = await lines(path, "contacts", raw=True)
    assert ann["raw"] == ANN
    assert other["raw"] == {"id": "b"}


async def test_csv_can_be_read_back_cell_by_cell(path):
    file = io.BytesIO()
    done = await export(path, "contacts", file, format="csv", custom_fields=FIELDS)
    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode(), newline="")))
    assert tuple(rows[0]) == done.columns
    assert (done.rows, done.is_whole) == (2, True)
    assert rows[0]["tags"] == '["vip","two\\nlines"]'
    assert rows[0]["dnd"] == "true"
    assert rows[0]["Pin code"] == "35061"
    assert rows[1]["first_name"] == rows[1]["Pin code"] == ""


async def test_parquet_has_flags_timestamps_and_texts(path, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is missing")
    to = tmp_path / "contacts.parquet"
    await export(path, "contacts", to, custom_fields=FIELDS)
    table = parquet.read_table(to)
    ann, other = table.to_pylist()
    assert ann["dnd"] is True
    assert ann["date_updated"].isoformat() == "2024-02-03T10:00:00+00:00"
    assert (ann["Pin code"], ann["contact.town"], other["Pin code"]) == ("35061", '["a","b"]', None)
    assert files(tmp_path) == {"contacts.parquet", "store.db"}


async def test_an_empty_view_is_a_file_that_can_be_read_all_the_same(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is missing")
    async with SQLiteStore(tmp_path / "store.db") as store:
        await store.begin(EVERYTHING)
    done = await export(tmp_path / "store.db", "notes", tmp_path / "notes.parquet")
    assert (done.rows, done.is_whole) == (0, False)
    assert parquet.read_table(tmp_path / "notes.parquet").column_names == list(done.columns)


async def test_custom_fields_are_called_as_people_know_them_or_by_what_tells_them_apart(path):
    ann, other = await lines(path, "contacts", custom_fields=FIELDS)
    assert ann["Pin code"] == 35061
    assert ann["contact.town"] == ["a", "b"]
    assert ann["contact.twice"] == "[1]"
    assert ann["F4"] is None
    assert ann['Say "hi", it\'s'] == {"k": None}
    assert ann["city"] is None
    assert other["Pin code"] is None


def test_no_custom_field_has_a_column_that_means_something_else_to_whoever_reads_it_back():
    fields = [
        CustomField(id="F1", name="First Name", field_key="contact.first_name_1"),
        CustomField(id="F2", name="Address", field_key="address"),
        CustomField(id="F3", name="Business name", field_key=None),
        CustomField(id="F4", name="contact.other", field_key="contact.four"),
        CustomField(id="F5", name="Other", field_key="contact.other"),
        CustomField(id="F6", name="Name", field_key="contact.name"),
        CustomField(id="F7", name="№", field_key="contact.no"),
    ]
    names = custom_columns(fields)
    expected = ("contact.first_name_1", "F2", "F3", "contact.four", "Other", "contact.name", "№")
    assert tuple(column.name for column in names.values()) == expected
    assert all(is_own(column.name) for column in COLUMNS["contacts"])
    columns = map_columns(["id", *expected], custom_fields_by_name(fields), Manner(upsert=False, is_text=True))
    assert {field.id: name for name, field in columns.custom.items()} == {id_: names[id_].name for id_ in names}


async def test_days_are_shown_as_days(path):
    born = {"a": 1234567890123, "b": -293414400000, "c": "1980-02-03T00:00:00.000Z", "d": "1980-02-03", "e": None}
    born |= {"f": "soon", "g": 10**17}
    renewal = CustomField(id="F", name="Renewal", data_type="DATE")
    async with SQLiteStore(path) as store:
        await store.begin(EVERYTHING)
        for id_, value in born.items():
            record = {"id": id_, "dateOfBirth": value, "customFields": [{"id": "F", "value": value}]}
            await store.commit(batch(contact(id_, raw=json.dumps(record).encode())))
    await spread_custom_fields(path, [renewal])
    days = ["2009-02-13", "1960-09-14", "1980-02-03", "1980-02-03", None, "soon", 10**17]
    wide = "SELECT date_of_birth, Renewal FROM contacts_with_custom_fields ORDER BY id"
    assert [row[0] for row in ask(path, "SELECT date_of_birth FROM contacts ORDER BY id")] == days
    assert ask(path, wide) == [(day, day) for day in days]
    rows = await lines(path, "contacts", custom_fields=[renewal])
    assert [(row["date_of_birth"], row["Renewal"]) for row in rows] == [(day, day) for day in days]
    asked = ask(path, "SELECT value FROM custom_field_values ORDER BY contact_id")
    assert [row[0] for row in asked] == [*born.values()]


async def test_a_store_that_showed_days_as_they_were_sent_shows_days(path):
    await spread_custom_fields(path, FIELDS)
    ((now,),) = ask(path, "SELECT sql FROM sqlite_master WHERE name = 'contacts_with_custom_fields'")
    start, end = now.index("CASE WHEN typeof(json_extract(readable, '$.dateOfBirth'))"), now.index(" AS date_of_birth")
    before = f"{now[:start]}json_extract(readable, '$.dateOfBirth'){now[end:]}"
    ask(path, "DROP VIEW contacts_with_custom_fields")
    ask(path, before)
    ask(path, "PRAGMA user_version = 3")
    async with SQLiteStore(path) as store:
        await store.begin(EVERYTHING)
    assert ask(path, "SELECT sql FROM sqlite_master WHERE name = 'contacts_with_custom_fields'") == [(now,)]


async def test_a_view_with_custom_fields_is_made_and_made_anew(path):
    names = await spread_custom_fields(path, FIELDS)
    assert names == ("Pin code", "contact.town", "contact.twice", "F4", 'Say "hi", it\'s')
    sql = 'SELECT id, "Pin code", "contact.town", "Say ""hi"", it\'s" FROM contacts_with_custom_fields ORDER BY id'
    assert ask(path, sql) == [("a", 35061, '["a","b"]', '{"k":null}'), ("b", None, None, None)]
    await spread_custom_fields(path, FIELDS[:1])
    assert ask(path, 'SELECT first_name FROM contacts_with_custom_fields WHERE "Pin code" = 35061') == [("Ann",)]
    async with SQLiteStore(path) as store:  # the view is no obstacle to a run
        assert (await store.begin(EVERYTHING)).state == "finished"


async def test_a_store_that_is_being_filled_can_be_exported_but_gets_no_view(path):
    async with SQLiteStore(path) as store:
        await store.begin(EVERYTHING, resume=False)
        await store.commit(batch(contact("c")))
        file = io.BytesIO()
        done = await export(path, "contacts", file, format="jsonl")
        assert (done.rows, done.is_whole) == (3, False)
        with pytest.raises(StoreBusy):
            await spread_custom_fields(path, FIELDS)


def make_old(path):
    """Make of a store one of schema 2, with fewer views and columns."""
    ask(path, "DROP VIEW contact_tags")
    ask(path, "DROP VIEW contacts")
    ask(path, "CREATE VIEW contacts AS SELECT id, raw FROM landing_contacts")
    ask(path, "PRAGMA user_version = 2")


async def test_a_store_of_an_older_version_is_exported_with_todays_columns_and_stays_as_it_is(path):
    make_old(path)
    (ann, _) = await lines(path, "contacts")
    assert ann["first_name"] == "Ann"
    assert ask(path, "PRAGMA user_version") == [(2,)]
    assert ask(path, "SELECT * FROM contacts WHERE id = 'b'") == [("b", '{"id":"b"}')]


async def test_a_run_gives_a_store_of_an_older_version_todays_views(path):
    make_old(path)
    ask(path, "CREATE VIEW mine AS SELECT id FROM contacts")
    async with SQLiteStore(path) as store:
        await store.begin(EVERYTHING)
    assert ask(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert ask(path, "SELECT first_name FROM contacts WHERE id = 'a'") == [("Ann",)]
    assert ask(path, "SELECT * FROM contact_tags") == [("a", "vip"), ("a", "two\nlines")]
    assert ask(path, "SELECT * FROM mine") == [("a",), ("b",)]
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


async def test_making_a_view_brings_an_older_store_up_to_date_as_well(path):
    make_old(path)
    await spread_custom_fields(path, FIELDS)
    assert ask(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert ask(path, "SELECT value FROM meta WHERE key = 'location_id'") == [("loc1",)]


async def test_a_file_takes_the_place_of_an_older_one_only_when_it_is_whole(path, tmp_path):
    to = tmp_path / "contacts.csv"
    to.write_text("before")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE landing_contacts SET raw = 'no JSON' WHERE id = 'b'")
    with pytest.raises(StoreFailed):
        await export(path, "contacts", to)
    assert to.read_text() == "before"
    assert not (tmp_path / "contacts.csv.part").exists()


@pytest.mark.parametrize(
    ("view", "to", "options", "words"),
    [
        ("people", "x.csv", {}, "contacts, tasks, notes, appointments, not 'people'"),
        ("notes", "x.csv", {"custom_fields": FIELDS}, "notes have none"),
        ("contacts", "x.xlsx", {}, "name the format"),
        ("contacts", "x", {"format": "xml"}, "jsonl, csv, parquet, not 'xml'"),
        ("contacts", "none/x.csv", {}, "does not exist"),
        ("contacts", "x.db", {"format": "csv"}, "belongs to the store"),
        ("contacts", "folder.csv", {}, "is a folder"),
        ("contacts", "x.csv", {"custom_fields": (CustomField(id="F", location_id="loc2"),)}, "of another one"),
    ],
)
async def test_what_cannot_be_meant_is_refused_and_nothing_written(path, tmp_path, view, to, options, words):
    path = path.rename(tmp_path / "x.db")
    (tmp_path / "folder.csv").mkdir()
    before = files(tmp_path)
    with pytest.raises(UsageError, match=words):
        await export(path, view, tmp_path / to, **options)
    assert files(tmp_path) == before


async def test_records_that_the_store_was_not_to_hold_are_refused(tmp_path):
    async with SQLiteStore(tmp_path / "store.db") as store:
        await store.begin(Identity("loc1", "", ("tasks",)))
    with pytest.raises(UsageError, match="holds contacts with tasks: there are no notes in it"):
        await lines(tmp_path / "store.db", "notes")


async def test_what_is_no_store_is_refused(path, tmp_path):
    for make in (export, None):
        for name, content, error in (
            ("none.db", None, UsageError),
            ("empty.db", b"", StoreMismatch),
            ("text.db", b"x" * 5000, StoreMismatch),
        ):
            if content is not None:
                (tmp_path / name).write_bytes(content)
            with pytest.raises(error):
                await (lines(tmp_path / name, "tasks") if make else spread_custom_fields(tmp_path / name, FIELDS))
    ask(path, "PRAGMA user_version = 99")
    with pytest.raises(StoreMismatch, match="newer version"):
        await lines(path, "tasks")


async def test_parquet_without_pyarrow_names_the_extra(path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"ghl_async\[parquet\]"):
        await export(path, "contacts", io.BytesIO(), format="parquet")
