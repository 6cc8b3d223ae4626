"""Rows out of CSV files and JSON lines, and what the columns mean."""

from datetime import date

import pytest
from msgspec import UNSET

from ghl_async.cli.columns import Manner, map_columns, needs_custom_fields
from ghl_async.cli.failures import Failures, failed_beside
from ghl_async.cli.sheet import look, rows
from ghl_async.dictionary import custom_fields_by_name
from ghl_async.errors import UsageError
from ghl_async.models import ContactChanges, ContactDraft, CustomField

FIELDS = custom_fields_by_name(
    [
        CustomField(id="F1", name="Pin code", field_key="contact.pincode", data_type="TEXT"),
        CustomField(id="F2", name="Budget", field_key="contact.budget", data_type="NUMERICAL"),
        CustomField(id="F3", name="Wants", data_type="CHECKBOX", picklist_options=("a", "b, c")),
        CustomField(id="F4", name="Boxes", data_type="TEXTBOX_LIST"),
        CustomField(id="F5", name="Color", field_key="contact.color1"),
        CustomField(id="F6", name="color", field_key="contact.color2"),
        CustomField(id="F7", name="City", field_key="contact.town"),
    ]
)
CSV = Manner(upsert=False, is_text=True, replace_tags=True)
JSON = Manner(upsert=False, is_text=False, replace_tags=True)


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path):
    return [(row.line, row.cells or row.fault) for row in rows(look(path))]


def test_a_csv_row_has_its_line_and_its_cells(tmp_path):
    path = write(tmp_path / "x.csv", '\ufeffid, Name \r\n1,"Ann\r\nLee"\r\n\r\n , \r\n2,Bo\r\n')
    sheet = look(path)
    assert (sheet.kind, sheet.columns, sheet.rows, sheet.delimiter) == ("csv", ("id", "Name"), 2, ",")
    assert read(path) == [(2, {"id": "1", "Name": "Ann\r\nLee"}), (6, {"id": "2", "Name": "Bo"})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_shows_what_separates_the_cells(tmp_path, delimiter):
    path = write(tmp_path / "x.csv", f"id{delimiter}city\n1{delimiter}Bern\n")
    assert read(path) == [(2, {"id": "1", "city": "Bern"})]


def test_a_bad_csv_row_spoils_no_other(tmp_path):
    lines = [b"id,city", b"1", b"2,Bern,x", b'3,"a"b', b"4,\xff", b"5,Basel", b'6,"never closed', b"7,lost"]
    path = write(tmp_path / "x.csv", b"\n".join(lines) + b"\n")
    found = read(path)
    assert look(path).rows == len(found) == 7
    assert found[0] == (2, "it has 1 cells, and the header names 2")
    assert found[1] == (3, "it has 3 cells, and the header names 2")
    assert found[2][0] == 4
    assert found[2][1].startswith("it cannot be read: ")
    assert found[3] == (5, "it is not UTF-8 text")
    assert found[4] == (6, {"id": "5", "city": "Basel"})
    assert found[5] == (7, "it cannot be read: unexpected end of data")
    assert found[6] == (8, {"id": "7", "city": "lost"})  # the open quote spoils its own line alone


def test_a_quote_that_is_not_closed_swallows_none_of_many_rows(tmp_path):
    lines = ["id,city", *(f"{number},Bern" for number in range(5000))]
    lines[11] = '10,"Be'
    path = write(tmp_path / "x.csv", "\n".join(lines) + "\n")
    found = list(rows(look(path)))
    assert look(path).rows == len(found) == 5000
    assert [(row.line, row.source) for row in found if row.fault] == [(12, '10,"Be')]


def test_failed_rows_stand_in_the_order_of_their_lines_and_lines_that_could_not_be_read_as_they_were(tmp_path):
    path = write(tmp_path / "x.csv", 'id,city\n1,Bern\n2,"Ba\n3,Chur\n')
    sheet = look(path)
    failed = tmp_path / "x-failed.csv"
    failures = Failures(sheet, failed)
    for row in reversed(list(rows(sheet))):
        failures.add(row, f"no, {row.line}")
    failures.close(is_whole=True)
    assert failed.read_bytes() == (
        b'failed_line,failed_reason,id,city\r\n2,"no, 2",1,Bern\r\n3,"no, 3",2,"Ba\r\n4,"no, 4",3,Chur\r\n'
    )
    again = look(failed)
    assert [row.fault is None for row in rows(again)] == [True, False, True]
    twice = Failures(again, tmp_path / "again.csv")
    for row in rows(again):
        twice.add(row, f"no, {row.line}")
    twice.close(is_whole=True)
    assert (tmp_path / "again.csv").read_bytes() == failed.read_bytes()
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.parametrize(
    ("suffix", "content"),
    [(".csv", "precious failed_reason notes\n"), (".jsonl", '{"failed_reason": 1}\n'), (".jsonl", "{")],
)
def test_a_file_of_something_else_is_not_taken_for_failed_rows(tmp_path, suffix, content):
    sheet = look(write(tmp_path / f"sheet{suffix}", "id,city\n" if suffix == ".csv" else '{"id": "1"}\n'))
    other = write(tmp_path / f"x{suffix}", content)
    with pytest.raises(UsageError, match="holds no failed rows"):
        Failures(sheet, other)
    assert other.read_text(encoding="utf-8") == content


def test_json_lines_need_not_all_have_the_same_keys(tmp_path):
    path = write(
        tmp_path / "x.jsonl", '{"id":"1","city":null}\n\n[1]\nno\n{"id":NaN}\n{"id":"2","dnd":true}\n"\\ud83d"\n'
    )
    sheet = look(path)
    assert (sheet.kind, sheet.columns, sheet.rows) == ("jsonl", ("id", "city", "dnd"), 6)
    found = read(path)
    assert found[0] == (1, {"id": "1", "city": None})
    assert found[1] == (3, "it is no JSON object")
    assert found[2][1].startswith("it is no JSON: ")
    assert found[3][1].startswith("it is no JSON: NaN")
    assert found[4] == (6, {"id": "2", "dnd": True})


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.xlsx", b"PK", "ends in .csv"),
        ("none.csv", None, "No such file"),
        ("x.csv", b"", "must name the columns"),
        ("x.csv", b'"id\n', "must name the columns"),
        ("x.csv", b"id,,city\n", "column 2 has no name"),
        ("x.csv", b"id,city,city\n", "more than one column is called city"),
        ("x.csv", "id\n".encode("utf-16"), "save it as UTF-8"),
        ("x.csv", "id,city\n".encode("utf-16-le"), "save it as UTF-8"),
        ("x.csv", "id,größe\n".encode("latin-1"), "save it as UTF-8"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path, name, content, words):
    if content is not None:
        write(tmp_path / name, content)
    with pytest.raises(UsageError, match=words):
        look(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", b'id;city\n1;"a;\r\nb"\n2\n3;\xff\n'),
        ("x.jsonl", b'{"id":"1","city":"a"}\n{"id":"2"}\n{broken\n{"id":"4","city":"\xff"}\n'),
    ],
)
def test_failed_rows_can_be_fed_back_as_often_as_it_takes(tmp_path, name, content):
    path = write(tmp_path / name, content)
    before = [row.cells or row.fault for row in rows(look(path))]
    for _ in range(3):
        sheet = look(path)
        failures = Failures(sheet, failed_beside(path))
        for row in rows(sheet):
            failures.add(row, 'not so, "said" it\nand more')
        failures.close(is_whole=True)
        assert failures.count == len(before)
        path = failures.path
        again = [row.cells or row.fault for row in rows(look(path))]
        if name == "x.csv":  # such rows have two cells more
            assert again[0] == before[0]
            assert len(again) == len(before)
        else:
            assert again == before


def test_the_file_of_failed_rows_goes_when_nothing_fails_any_more(tmp_path):
    path = write(tmp_path / "x.csv", "id\n1\n")
    place = failed_beside(path)
    failures = Failures(look(path), place)
    failures.add(next(rows(look(path))), "why")
    failures.close(is_whole=False)
    assert place.read_bytes() == b"failed_line,failed_reason,id\r\n2,why,1\r\n"
    Failures(look(path), place).close(is_whole=False)
    assert place.exists()
    for part in ("", "-wal", "-shm"):
        write(place.with_name(f"{place.name}.ledger{part}"), part)
    Failures(look(path), place).close(is_whole=True)
    kept = {f"{place.name}.bak", *(f"{place.name}.ledger.bak{part}" for part in ("", "-wal", "-shm"))}
    assert {each.name for each in tmp_path.iterdir()} == {"x.csv", *kept}, "its ledger goes with it, and whole"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("x.csv", "holds no failed rows"),
        ("other.csv", "holds no failed rows"),
        ("x.jsonl", "must end as"),
        ("none/x.csv", "does not exist"),
    ],
)
def test_nothing_else_is_overwritten_by_failed_rows(tmp_path, place, words):
    path = write(tmp_path / "x.csv", "id\n1\n")
    write(tmp_path / "other.csv", "somebody's")
    with pytest.raises(UsageError, match=words):
        Failures(look(path), tmp_path / place)
    assert (tmp_path / "other.csv").read_text() == "somebody's"


def test_columns_are_found_by_every_name_that_a_field_has():
    columns = map_columns(
        ["Contact ID", "firstName", "Last name", "postal_code", "Street", "DND", "pincode", "F2", "wants"], FIELDS, CSV
    )
    assert set(columns.standard.values()) == {"id", "first_name", "last_name", "postal_code", "address1", "dnd"}
    assert {name: field.id for name, field in columns.custom.items()} == {"pincode": "F1", "F2": "F2", "wants": "F3"}


def test_a_name_as_the_api_spells_it_is_the_contacts_own_field_and_a_key_is_the_custom_one():
    fields = custom_fields_by_name(
        [
            CustomField(id="F1", name="City", field_key="contact.town"),
            CustomField(id="F2", name="Name it", field_key="contact.name"),
            CustomField(id="F3", name="ID it", field_key="contact.id"),
        ]
    )
    columns = map_columns(["id", "city", "contact.town", "contact.name", "contact.id"], fields, CSV)
    assert columns.standard == {"id": "id", "city": "city"}
    assert {name: field.id for name, field in columns.custom.items()} == {
        "contact.town": "F1",
        "contact.name": "F2",
        "contact.id": "F3",
    }


def test_a_name_that_fits_a_custom_field_as_well_is_refused_with_what_to_write():
    fields = custom_fields_by_name(
        [
            CustomField(id="F1", name="First Name", field_key="contact.first"),
            CustomField(id="F2", name="Address", field_key="contact.place"),
            CustomField(id="F3", name="Business Name"),
        ]
    )
    with pytest.raises(UsageError) as refusal:
        map_columns(["id", "First name", "Address", "Business Name", "City"], fields, CSV)
    said = str(refusal.value)
    assert """write 'first_name' for the contact's own, and 'contact.first' for that one""" in said
    assert """write 'address1' for the contact's own, and 'contact.place' for that one""" in said
    assert """the custom field "Business Name" (F3): write 'F3' for that one""" in said
    assert "--leave-out 'First name,Address,Business Name'" in said


def test_all_unknown_columns_are_named_at_once_with_what_is_near():
    with pytest.raises(UsageError) as refusal:
        map_columns(["id", "Pin cod", "date_added", "color", "COLOR", "Xyz"], FIELDS, CSV)
    said = str(refusal.value)
    assert "'Pin cod' is no field of contacts" in said
    assert 'near to it: "Pin code" (contact.pincode, F1)' in said
    assert "'date_added' is shown by the API and cannot be written" in said
    assert "'COLOR' is the name of 2 custom fields" in said
    assert "'Xyz'" in said
    assert "--leave-out 'Pin cod,date_added,COLOR,Xyz'" in said


@pytest.mark.parametrize(
    ("columns", "manner", "words"),
    [
        (["city"], CSV, "no column id"),
        (["id"], CSV, "no column says what"),
        (["id", "contact_id", "city"], CSV, "'id' and 'contact_id' are the same field"),
        (["id", "Pin code", "pincode"], CSV, "'Pin code' and 'pincode' are the same field"),
        (["id", "tags"], Manner(upsert=False, is_text=True), "--replace-tags"),
        (["id", "company_name", "gender"], CSV, "'company_name' and 'gender' in upserts alone"),
        (["id", "email"], Manner(upsert=True, is_text=True), "does not go with --upsert"),
        (["id", "city"], Manner(upsert=False, is_text=True, leave_out=("town",)), "has no column 'town'"),
    ],
)
def test_columns_that_cannot_be_meant_together_are_refused(columns, manner, words):
    with pytest.raises(UsageError, match=words):
        map_columns(columns, FIELDS, manner)


def test_the_location_is_asked_only_where_a_column_can_be_a_custom_field():
    assert not needs_custom_fields(["id", "first_name", "firstName", "date_added"], CSV)
    assert needs_custom_fields(["id", "First Name"], CSV), "a custom field may be called so too"
    assert needs_custom_fields(["id", "Pin code"], CSV)
    assert not needs_custom_fields(["id", "Pin code"], Manner(upsert=False, is_text=True, leave_out=("Pin code",)))


def test_cells_of_text_become_what_their_fields_take():
    names = ["id", "dnd", "date_of_birth", "tags", "Pin code", "Budget", "Wants", "Boxes", "city"]
    columns = map_columns(names, FIELDS, CSV)
    cells = (" C1 ", "Yes", "1980-02-03", "vip, two", "007", "12.5", "b, c", '{"x": "y"}', "")
    contact_id, changes = columns.read(dict(zip(names, cells, strict=True)))
    assert contact_id == "C1"
    assert (changes.dnd, changes.date_of_birth, changes.tags) == (True, date(1980, 2, 3), ["vip", "two"])
    assert changes.custom_fields == {"F1": "007", "F2": 12.5, "F3": ["b, c"], "F4": {"x": "y"}}
    assert changes.city is UNSET
    cells = ("C1", "0", "", '["a, b"]', "", "-3", "a,b", "", "")
    _, changes = columns.read(dict(zip(names, cells, strict=True)))
    assert (changes.dnd, changes.tags, changes.custom_fields) == (False, ["a, b"], {"F2": -3, "F3": ["a", "b"]})


def test_empty_cells_clear_where_that_is_meant_and_json_null_always_does():
    clearing = Manner(upsert=False, is_text=True, empty_clears=True)
    _, changes = map_columns(["id", "city", "Pin code"], FIELDS, clearing).read({"id": "C", "city": "", "Pin code": ""})
    assert changes == ContactChanges(city=None, custom_fields={"F1": None})
    _, changes = map_columns(["id", "city", "Pin code"], FIELDS, JSON).read({"id": "C", "city": None, "Pin code": None})
    assert changes == ContactChanges(city=None, custom_fields={"F1": None})
    _, changes = map_columns(["id", "city", "email"], FIELDS, JSON).read({"id": "C", "city": ""})
    assert changes == ContactChanges(city=None), "so an export shows what was emptied"
    cells = {"id": "C", "postal_code": "", "country": "", "tags": ""}
    clearing = Manner(upsert=False, is_text=True, empty_clears=True, replace_tags=True)
    _, changes = map_columns([*cells], None, clearing).read(cells)
    assert changes == ContactChanges(postal_code="", country="", tags=[]), "the API takes no null in these"
    _, changes = map_columns([*cells], None, JSON).read(dict.fromkeys(cells) | {"id": "C"})
    assert changes == ContactChanges(postal_code="", country="", tags=[])


@pytest.mark.parametrize(
    ("upsert", "columns"),
    [(False, ["id", "city", "DND"]), (True, ["email", "dnd", "postal_code", "country", "source"])],
)
def test_columns_that_the_api_cannot_clear_are_named_at_once(upsert, columns):
    manner = Manner(upsert=upsert, is_text=True, empty_clears=True)
    refused = ", ".join(map(repr, columns[2 - upsert :]))
    with pytest.raises(UsageError, match=f"cannot clear {refused}; --leave-out {','.join(columns[2 - upsert :])} goes"):
        map_columns(columns, FIELDS, manner)
    assert map_columns(columns, FIELDS, Manner(upsert=upsert, is_text=True)).standard


def test_what_the_api_shows_in_other_types_than_it_takes_is_read_all_the_same():
    cells = {"id": "C", "postal_code": 35061, "Budget": "251", "Boxes": {"opt1": "a", "opt2": 2}}
    _, changes = map_columns([*cells], FIELDS, JSON).read(cells)
    assert changes == ContactChanges(postal_code="35061", custom_fields={"F2": 251, "F4": {"opt1": "a", "opt2": "2"}})
    _, changes = map_columns(["id", "Boxes"], FIELDS, CSV).read({"id": "C", "Boxes": '{"opt1": "a", "opt2": 2.5}'})
    assert changes == ContactChanges(custom_fields={"F4": {"opt1": "a", "opt2": "2.5"}})


def test_an_upsert_has_drafts_and_no_ids():
    manner = Manner(upsert=True, is_text=True)
    contact_id, draft = map_columns(["email", "company name"], None, manner).read(
        {"email": "a@b.c", "company name": "X"}
    )
    assert (contact_id, draft) == (None, ContactDraft(email="a@b.c", company_name="X"))


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"id": " "}, "names no contact"),
        ({"id": "C", "dnd": "maybe"}, "dnd: 'maybe' is neither true nor false"),
        ({"id": "C", "date_of_birth": "3.2.1980"}, "date_of_birth: '3.2.1980' is no date"),
        ({"id": "C", "Budget": "1,000"}, "Budget: '1,000' is no number"),
        ({"id": "C", "Budget": "nan"}, "Budget: 'nan' is no number"),
        ({"id": "C", "Boxes": "[1]"}, "is no JSON object"),
        ({"id": "C", "Wants": "[x"}, "is no JSON list"),
        ({"id": "C", "new": "x"}, "'new' is no column"),
    ],
)
def test_a_cell_that_does_not_spell_what_its_field_takes_fails_its_row(cells, words):
    columns = map_columns(["id", "dnd", "date_of_birth", "Budget", "Boxes", "Wants"], FIELDS, CSV)
    with pytest.raises(UsageError, match=words):
        columns.read(cells)


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("x.csv", 'id;"City, of a, b"\n1;2\n', ("id", "City, of a, b")),
        ("x.csv", "\n\nid;city\n1;2\n", ("id", "city")),
        ("x.tsv", "id\tCity, of a, b, c\n1\t2\n", ("id", "City, of a, b, c")),
        ("x.csv", "id;city\r1;a,b,c\r2;d,e,f\r", ("id", "city")),
    ],
)
def test_the_delimiter_is_what_makes_most_columns(tmp_path, name, text, columns):
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert look(path).columns == columns


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": "1", "city": "a", "city": "b"}', "it names 'city' twice"),
        ('{"id": "1", "monetary": 1e999}', "1e999 is beyond all numbers"),
    ],
)
def test_a_line_that_can_be_read_in_two_ways_or_none_fails_alone(tmp_path, line, reason):
    path = tmp_path / "x.jsonl"
    path.write_text(f'{line}\n{{"id": "2"}}\n')
    assert [row.fault for row in rows(look(path))] == [f"it is no JSON: {reason}", None]
