"""`ghl-async update FILE` from outside: what is sent, what fails and where it goes, how it ends."""

import csv
import json
import re

import pytest

from .command import Command, until
from .truth import oldest


@pytest.fixture
def ghl_async(sandbox, tmp_path):
    return Command(tmp_path, sandbox)


def ids(sandbox, count):
    return [oldest(sandbox, position) for position in range(count)]


def truth(sandbox, contact_id):
    main = sandbox.state.main
    return main.record(main.find(contact_id))


def writes(sandbox):
    return [entry for entry in sandbox.log.entries if entry.method == "PUT"]


def write(path, header, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


async def test_rows_are_written_and_a_second_run_sends_nothing(ghl_async, sandbox, tmp_path):
    several = ids(sandbox, 20)
    write(tmp_path / "x.csv", ["id", "City", "First name"], *([each, "Bern", "Ann"] for each in several))
    ended = await ghl_async("update", "x.csv")
    assert ended.code == 0
    assert re.search(r"^done +20$", ended.out, re.MULTILINE)
    assert all(truth(sandbox, each)["city"] == "Bern" for each in several)
    assert len(writes(sandbox)) == 20
    again = await ghl_async("update", "x.csv")
    assert again.code == 0
    assert "All of them were done by earlier runs" in again.out
    assert len(writes(sandbox)) == 20
    assert not (tmp_path / "x-failed.csv").exists()


async def test_bad_rows_fail_with_line_and_reason_and_can_be_mended_and_fed_back(ghl_async, sandbox, tmp_path):
    good, other, third, *_ = ids(sandbox, 5)
    path = tmp_path / "x.csv"
    rows = [[good, "Bern", "1980-02-03"], ["nobody", "Bern", ""], [other, "Bern", "soon"], [third, "Bern", ""], ["x"]]
    write(path, ["id", "city", "date_of_birth"], *rows)
    ended = await ghl_async("update", "x.csv")
    assert ended.code == 4
    assert "line 4: date_of_birth: 'soon' is no date" in ended.err
    assert re.search(r"^line 3: .*nobody.*", ended.err, re.MULTILINE)
    assert "line 6: it has 1 cells, and the header names 3" in ended.err
    assert "3 rows failed; those rows are in x-failed.csv" in ended.err
    assert truth(sandbox, good)["city"] == truth(sandbox, third)["city"] == "Bern"
    with (tmp_path / "x-failed.csv").open(newline="", encoding="utf-8") as file:
        failed = list(csv.DictReader(file))
    assert {row["failed_line"] for row in failed} == {"3", "4", "6"}
    mended = (tmp_path / "x-failed.csv").read_text(encoding="utf-8").replace("soon", "1990-01-01")
    (tmp_path / "x-failed.csv").write_text(mended, encoding="utf-8")
    again = await ghl_async("update", "x-failed.csv", "--json")
    assert again.code == 4
    assert truth(sandbox, other)["city"] == "Bern"
    assert json.loads(again.out)["written"]["ok"] == 1
    told = [json.loads(line) for line in again.err.splitlines() if line.startswith("{")]
    assert len([each for each in told if "failed" in each and isinstance(each["failed"], dict)]) == 2


async def test_a_row_of_empty_cells_asks_for_nothing_and_does_not_fail(ghl_async, sandbox, tmp_path):
    several = ids(sandbox, 2)
    write(tmp_path / "x.csv", ["id", "city"], [several[0], "Bern"], [several[1], ""])
    ended = await ghl_async("update", "x.csv", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["written"] | {"ok": 1, "unchanged": 1, "failed": 0} == json.loads(ended.out)["written"]
    assert len(writes(sandbox)) == 1


async def test_a_file_of_failed_rows_that_somebody_has_mended_is_kept(ghl_async, sandbox, tmp_path):
    write(tmp_path / "x.csv", ["id", "city"], ["nobody", "Bern"])
    assert (await ghl_async("update", "x.csv")).code == 4
    assert (await ghl_async("update", "x.csv")).code == 4
    assert not (tmp_path / "x-failed.csv.bak").exists(), "it was the same"
    mended = (tmp_path / "x-failed.csv").read_text(encoding="utf-8").replace("nobody", *ids(sandbox, 1))
    (tmp_path / "x-failed.csv").write_text(mended, encoding="utf-8")
    assert (await ghl_async("update", "x-failed.csv")).code == 0
    assert (await ghl_async("update", "x.csv")).code == 4
    assert "nobody" in (tmp_path / "x-failed.csv").read_text(encoding="utf-8")
    assert (tmp_path / "x-failed.csv.bak").read_text(encoding="utf-8") == mended
    assert (await ghl_async("update", "x-failed.csv")).code == 4, "its own ledger went with the rows that it knew"
    for number in ("2", "3"):
        again = (tmp_path / "x-failed.csv").read_text(encoding="utf-8").replace("nobody", f"nobody{number}")
        (tmp_path / "x-failed.csv").write_text(again, encoding="utf-8")
        assert (await ghl_async("update", "x.csv")).code == 4
        assert (tmp_path / f"x-failed.csv.bak{number}").read_text(encoding="utf-8") == again
    assert (tmp_path / "x-failed.csv.bak").read_text(encoding="utf-8") == mended, "what was kept is never replaced"
    assert {path.name for path in tmp_path.glob("*.ledger.bak*")} == {
        f"x-failed.csv.ledger.bak{number}" for number in ("", "2")
    }


async def test_custom_fields_are_written_by_name_from_json_lines(ghl_async, sandbox, tmp_path):
    (contact_id,) = ids(sandbox, 1)
    fields = {field["dataType"]: field for field in sandbox.state.main.dictionaries.fields.by_id.values()}
    row = {"id": contact_id, fields["TEXT"]["name"]: "35061", fields["NUMERICAL"]["name"]: 12.5}
    (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n")
    assert (await ghl_async("update", "x.jsonl")).code == 0
    values = {value["id"]: value["value"] for value in truth(sandbox, contact_id)["customFields"]}
    assert values[fields["TEXT"]["id"]] == "35061"
    assert values[fields["NUMERICAL"]["id"]] == 12.5


async def test_a_number_beyond_all_floats_fails_its_own_row(ghl_async, sandbox, tmp_path):
    first, second = ids(sandbox, 2)
    fields = sandbox.state.main.dictionaries.fields.by_id.values()
    name = next(field["name"] for field in fields if field["dataType"] == "NUMERICAL")
    write(tmp_path / "x.csv", ["id", "city", name], [first, "Bern", "1" + "0" * 400], [second, "Bern", "7"])
    rows = [{"id": first, "city": "Chur", name: 10**400}, {"id": second, "city": "Chur"}]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for file, line, city in (("x.csv", 2, "Bern"), ("x.jsonl", 1, "Chur")):
        ended = await ghl_async("update", file)
        assert ended.code == 4
        assert re.search(rf"^line {line}: .*takes a number up to 9007199254740991", ended.err, re.MULTILINE)
        assert truth(sandbox, second)["city"] == city
    assert len(writes(sandbox)) == 2


async def test_an_upsert_creates_and_changes(ghl_async, sandbox, tmp_path):
    (contact_id,) = ids(sandbox, 1)
    email = truth(sandbox, contact_id)["email"]
    before = len(sandbox.state.main)
    write(tmp_path / "x.csv", ["email", "city"], ["new@example.org", "Chur"], [email, "Chur"])
    ended = await ghl_async("update", "x.csv", "--upsert")
    assert ended.code == 0, ended.err
    assert len(sandbox.state.main) == before + 1
    assert truth(sandbox, contact_id)["city"] == "Chur"


async def test_a_dry_run_sends_nothing_and_says_what_it_would_cost(ghl_async, sandbox, tmp_path):
    write(tmp_path / "x.csv", ["id", "city"], *([each, "Bern"] for each in ids(sandbox, 7)), ["", "Bern"])
    ended = await ghl_async("update", "x.csv", "--dry-run")
    assert ended.code == 4
    assert re.search(r"^would be sent +7$", ended.out, re.MULTILINE)
    assert "about 7 requests" in ended.out
    assert {path.name for path in tmp_path.iterdir()} == {"x.csv"}
    assert not writes(sandbox)


async def test_diff_leaves_out_what_is_so_already(ghl_async, sandbox, tmp_path):
    first, second = ids(sandbox, 2)
    write(tmp_path / "x.csv", ["id", "email"], [first, truth(sandbox, first)["email"]], [second, "new@example.org"])
    ended = await ghl_async("update", "x.csv", "--diff")
    assert ended.code == 0
    assert re.search(r"^so already +1$", ended.out, re.MULTILINE)
    assert len(writes(sandbox)) == 1


@pytest.mark.parametrize(
    ("name", "content", "arguments", "words"),
    [
        ("x.csv", "id,Favourite cheese,date_added\n", (), "'Favourite cheese' is no field of contacts"),
        ("x.csv", "city\nBern\n", (), "no column id"),
        ("x.csv", "id,tags\n", (), "--replace-tags"),
        ("x.csv", "id,email\n", ("--upsert",), "does not go with --upsert"),
        ("x.csv", "email\n", ("--upsert", "--diff"), "--diff needs the ids"),
        ("x.csv", "", (), "must name the columns"),
        ("x.txt", "id,city\n", (), "ends in .csv"),
        ("x.csv", "id,city\n", ("--failed", "x.csv"), "holds no failed rows"),
        ("x.csv", "id,city\n", ("--leave-out", "town"), "no column 'town'"),
        ("x.csv", 'id,city,"a, b"\n', (), """--leave-out '"a, b"' goes on without"""),
        ("x.csv", 'id,"a, b"\n', ("--leave-out", '"a, b"'), "no column says what is to be changed"),
        ("x.csv", 'id,city,"a, b"\n', ("--leave-out", '"a, b'), "cannot be read as names"),
        ("x.csv", "id,city\n", ("--leave-out", "a\nb"), "cannot be read as names"),
        ("x.csv", "id,city\n", ("--ledger", "x.csv"), "x.csv cannot be the ledger as well"),
        ("x.csv", "id,city\n", ("--ledger", "x-failed.csv"), "x-failed.csv cannot be the ledger as well"),
        ("y.csv", "", ("--dry-run",), "No such file"),
    ],
)
async def test_what_cannot_be_meant_is_one_line_and_nothing_is_sent(
    ghl_async, sandbox, tmp_path, name, content, arguments, words
):
    (tmp_path / name.replace("y", "x")).write_text(content)
    ended = await ghl_async("update", name, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not writes(sandbox)
    assert {path.name for path in tmp_path.iterdir()} == {name.replace("y", "x")}


async def test_without_a_token_nothing_begins(ghl_async, tmp_path):
    write(tmp_path / "x.csv", ["id", "city"], ["a", "b"])
    ended = await ghl_async("update", "x.csv", GHL_TOKEN=None)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "GHL_TOKEN" in ended.err


async def test_the_ledger_of_another_file_is_refused(ghl_async, sandbox, tmp_path):
    several = ids(sandbox, 3)
    write(tmp_path / "x.csv", ["id", "city"], *([each, "Bern"] for each in several))
    assert (await ghl_async("update", "x.csv")).code == 0
    write(tmp_path / "x.csv", ["id", "city"], *([each, "Chur"] for each in several))
    sent = len(writes(sandbox))
    ended = await ghl_async("update", "x.csv")
    assert (ended.code, len(writes(sandbox))) == (2, sent)
    assert "another input: line 2 is not what it was" in ended.err
    assert (await ghl_async("update", "x.csv", "--ledger", "other.ledger")).code == 0
    assert truth(sandbox, several[0])["city"] == "Chur"


async def test_a_signal_stops_it_resumably_and_a_kill_loses_nothing(ghl_async, sandbox, tmp_path):
    several = ids(sandbox, 120)
    sandbox.limits.change(requests=20, interval_seconds=1.0)
    write(tmp_path / "x.csv", ["id", "city"], *([each, "Bern"] for each in several))
    async with ghl_async.running("update", "x.csv") as process:
        await until(lambda: len(writes(sandbox)) >= 5)
        process.kill()
        await process.wait()
    process = await ghl_async.start("update", "x.csv")
    await until(lambda: len(writes(sandbox)) >= 30)
    process.terminate()
    ended = await ghl_async.end(process)
    assert ended.code == 3
    assert "the same command goes on from there" in ended.err
    sandbox.limits.change(requests=100_000)
    assert (await ghl_async("update", "x.csv")).code == 0
    assert all(truth(sandbox, each)["city"] == "Bern" for each in several)
    assert len(writes(sandbox)) <= 120 + 60  # those in doubt at the kill, refused ones, and none of those confirmed
