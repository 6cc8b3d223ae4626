"""What the columns of a file mean: fields of contacts and custom fields, and how their cells are read.

What a field takes is not judged here but by the operation: here a text becomes the date, number or list that it spells.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, get_args

import msgspec

from ..dictionary import Index
from ..errors import UsageError
from ..models import ContactChanges, ContactDraft, CustomField
from ..models.contact_names import KEY_BEGINS, OWN_FIELDS, folded, is_own, is_spelled_out

__all__ = ["Columns", "Manner", "in_several", "map_columns", "needs_custom_fields"]

_ID = "id"
_NOT_IN_UPDATES = ("company_name", "gender")
"""Updates answer 422 to them: https://github.com/GoHighLevel/highlevel-api-docs/issues/313"""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_YES, _NO = {"true", "yes", "1"}, {"false", "no", "0"}
_NAMED_AT_MOST = 20


class Manner(msgspec.Struct, frozen=True):
    """How a file is to be taken."""

    upsert: bool
    """Whether its rows are new contacts, or such as the location recognises; else changes of contacts by id."""
    is_text: bool
    """Whether the cells are texts (CSV), or JSON values."""
    empty_clears: bool = False
    """Whether an empty cell of text clears its field; else it says nothing. JSON's null always clears."""
    replace_tags: bool = False
    """Whether the column tags may be there: it replaces all tags of a contact."""
    leave_out: tuple[str, ...] = ()
    """Columns that say nothing."""


class Columns(msgspec.Struct, frozen=True):
    """The columns that are sent, and what each is."""

    manner: Manner
    standard: dict[str, str]
    """By column: the field of a draft or of changes, or "id"."""
    custom: dict[str, CustomField]
    emptied: dict[str, Any]
    """By field: what clears it. Where the API has no such thing, it is not in it."""

    def read(self, cells: Mapping[str, Any]) -> tuple[str | None, ContactChanges | ContactDraft]:
        """The contact's id, where there is one, and what is to be written.

        Raises:
            UsageError: a cell that does not spell what its field takes, or no id.
        """
        contact_id: str | None = None
        fields: dict[str, Any] = {}
        values: dict[str, Any] = {}
        for column, cell in cells.items():
            if column in self.manner.leave_out:
                continue
            if column in self.custom:
                if (value := self._cell(column, cell, self._custom)) is not msgspec.UNSET:
                    values[self.custom[column].id] = value
            elif column not in self.standard:
                raise UsageError(f"{column!r} is no column that this file had before")
            elif self.standard[column] == _ID:
                contact_id = cell.strip() if isinstance(cell, str) else None
            elif (value := self._cell(column, cell, self._standard)) is not msgspec.UNSET:
                name = self.standard[column]
                fields[name] = self.emptied.get(name) if value is None else value
        if _ID in self.standard.values() and not contact_id:
            raise UsageError("it names no contact: id is empty or no text")
        if values:
            fields["custom_fields"] = values
        return contact_id, (ContactDraft if self.manner.upsert else ContactChanges)(**fields)

    def _cell(self, column: str, cell: Any, read: Callable[[str, Any], Any]) -> Any:
        if self.manner.is_text and not cell.strip():
            return None if self.manner.empty_clears else msgspec.UNSET
        try:
            return read(column, cell)
        except ValueError as fault:
            raise UsageError(f"{column}: {fault}") from None

    def _standard(self, column: str, cell: Any) -> Any:
        name = self.standard[column]
        if isinstance(cell, int) and not isinstance(cell, bool) and name == "postal_code":
            return str(cell)  # so the API shows it now and then
        if not isinstance(cell, str):
            return cell
        if not cell.strip():
            return None  # so an export shows what somebody has emptied
        return _BY_FIELD[name](cell) if name in _BY_FIELD else cell

    def _custom(self, column: str, cell: Any) -> Any:
        field = self.custom[column]
        if field.data_type in {"NUMERICAL", "MONETORY"}:
            return _number(cell) if isinstance(cell, str) and cell.strip() else cell
        if field.data_type == "TEXTBOX_LIST":
            return _texts(_object(cell) if self.manner.is_text else cell)
        if not self.manner.is_text:
            return cell
        if field.data_type in {"CHECKBOX", "MULTIPLE_OPTIONS"}:
            return [cell] if cell in field.picklist_options else _list(cell)
        if field.data_type == "FILE_UPLOAD":
            return _object(cell)
        return cell


def in_several(names: str) -> tuple[str, ...]:
    """The names out of one option; one that has a comma is put between quotes, as in CSV.

    Raises:
        UsageError: it cannot be read so.
    """
    try:
        several = next(csv.reader([names], skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        raise UsageError(f"--leave-out: {names!r} cannot be read as names separated by commas: {error}") from None
    return tuple(name.strip() for name in several if name.strip())


def _in_one(names: Iterable[str]) -> str:
    """The option that `in_several` reads."""
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(names)
    return written.getvalue()


def needs_custom_fields(columns: Sequence[str], manner: Manner) -> bool:
    """Whether one of the columns is, or can be, a custom field."""
    return any(not (is_own(column) and is_spelled_out(column)) for column in _sent(columns, manner))


def map_columns(columns: Sequence[str], fields: Index[CustomField] | None, manner: Manner) -> Columns:
    """Say what each column is.

    A name as the API spells it ("city", "firstName") is the contact's own field, though a custom field were called so
    too; one that begins with "contact." is first of all a custom field's key. As people write them ("City", "First
    name"), such names are refused where a custom field is called so.

    Args:
        fields: the location's custom fields; None where `needs_custom_fields` says so.

    Raises:
        UsageError: names all columns that are nothing known, or says what else cannot be.
    """
    standard, custom, faults = {}, {}, {}
    for column in _sent(columns, manner):
        try:
            if not _is_own(column, fields):
                custom[column] = _found(fields, column)
            elif (name := OWN_FIELDS.get(folded(column))) is not None:
                standard[column] = name
            else:
                faults[column] = "is shown by the API and cannot be written"
        except UsageError as fault:
            faults[column] = str(fault)
    if faults:
        raise UsageError(_in_words(faults))
    _check(columns, standard, custom, manner)
    emptied = _emptied(manner)
    if fixed := [column for column, name in standard.items() if name != _ID and name not in emptied]:
        _refuse_clearing(fixed, manner)
    return Columns(manner, standard, custom, emptied)


def _emptied(manner: Manner) -> dict[str, Any]:
    kind = ContactDraft if manner.upsert else ContactChanges
    nullable = {field.name: None for field in msgspec.structs.fields(kind) if type(None) in get_args(field.type)}
    # UpdateContactDto takes no null in these, and an empty text; UpsertContactDto neither.
    return {**nullable, "tags": [], **({} if manner.upsert else {"postal_code": "", "country": ""})}


def _refuse_clearing(columns: Sequence[str], manner: Manner) -> None:
    if manner.is_text and manner.empty_clears:
        named = ", ".join(map(repr, columns))
        raise UsageError(f"--empty-clears: the API cannot clear {named}; {_going_on(columns)}")


def _sent(columns: Sequence[str], manner: Manner) -> list[str]:
    return [column for column in columns if column not in manner.leave_out]


def _is_own(column: str, fields: Index[CustomField] | None) -> bool:
    """Whether a column is the contact's own field.

    Raises:
        UsageError: it can be a custom field as well.
    """
    if not is_own(column) or fields is None or is_spelled_out(column) or not fields.has(column):
        return is_own(column)
    if column.casefold().startswith(KEY_BEGINS):
        return False
    field = fields.find(column)
    own = OWN_FIELDS.get(folded(column))
    meant = f"write {own!r} for the contact's own, and" if own else "write"
    raise UsageError(
        f"is a field of contacts, and also the custom field {fields.show(field)}: {meant} "
        f"{field.field_key or field.id!r} for that one"
    )


def _found(fields: Index[CustomField] | None, column: str) -> CustomField:
    if fields is None:
        raise UsageError("is no field of contacts, and the location's custom fields are not known")
    try:
        return fields.find(column)
    except UsageError as fault:
        raise UsageError(f"is no field of contacts, and {fault}") from None


def _in_words(faults: Mapping[str, str]) -> str:
    several = [f"{column!r} {fault}" for column, fault in faults.items()]
    more = f"; and {len(several) - _NAMED_AT_MOST} more" if len(several) > _NAMED_AT_MOST else ""
    said = "; ".join(several[:_NAMED_AT_MOST])
    return f"nothing was sent: the column {said}{more}; {_going_on(faults)}"


def _going_on(columns: Iterable[str]) -> str:
    return f"--leave-out {shlex.quote(_in_one(columns))} goes on without"


def _check(
    columns: Sequence[str], standard: Mapping[str, str], custom: Mapping[str, CustomField], manner: Manner
) -> None:
    """Refuse what is known, and cannot be meant together."""
    if strangers := [column for column in manner.leave_out if column not in columns]:
        raise UsageError(f"--leave-out: the file has no column {', '.join(map(repr, strangers))}")
    means = {**standard, **{column: field.id for column, field in custom.items()}}
    by_meaning: dict[str, str] = {}
    for column, meaning in means.items():
        if (other := by_meaning.setdefault(meaning, column)) != column:
            raise UsageError(f"the columns {other!r} and {column!r} are the same field: leave one out")
    if manner.upsert and _ID in by_meaning:
        raise UsageError(
            f"the column {by_meaning[_ID]!r} does not go with --upsert, which tells contacts by e-mail "
            "and phone: leave one of them out"
        )
    if not manner.upsert and _ID not in by_meaning:
        raise UsageError(
            "no column id says which contact a row is about: add it, or pass --upsert to tell contacts by "
            "e-mail and phone"
        )
    if not by_meaning.keys() - {_ID}:
        raise UsageError("no column says what is to be changed")
    if "tags" in by_meaning and not manner.replace_tags:
        raise UsageError(
            f"the column {by_meaning['tags']!r} removes every tag of a contact that is not named in its row: "
            f"--replace-tags says that this is meant, {_going_on([by_meaning['tags']])}"
        )
    refused = [by_meaning[name] for name in _NOT_IN_UPDATES if name in by_meaning]
    if refused and not manner.upsert:
        raise UsageError(f"the API takes {' and '.join(map(repr, refused))} in upserts alone: {_going_on(refused)}")


def _flag(text: str) -> bool:
    word = text.strip().casefold()
    if word not in _YES | _NO:
        raise ValueError(f"{text!r} is neither true nor false")
    return word in _YES


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no date such as 2026-07-17") from None


def _number(text: str) -> int | float:
    word = text.strip()
    if not _NUMBER.fullmatch(word):
        raise ValueError(f"{text!r} is no number such as 1234.5")
    return float(word) if "." in word else int(word)


def _list(text: str) -> Any:
    if text.lstrip().startswith("["):
        return _json(text, list, "list")
    return [each.strip() for each in text.split(",") if each.strip()]


def _object(text: str) -> Any:
    return _json(text, dict, "object")


def _texts(boxes: Any) -> Any:
    """A number in a box, as the API shows some, is its text: it takes nothing else there."""
    if not isinstance(boxes, dict):
        return boxes
    return {name: str(each) if type(each) in {int, float} else each for name, each in boxes.items()}


def _json(text: str, kind: type[Any], noun: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, kind):
        raise ValueError(f"{text[:60]!r} is no JSON {noun}")  # noqa: TRY004  (a cell's value, not an argument's type)
    return found


_BY_FIELD: dict[str, Callable[[str], Any]] = {"dnd": _flag, "date_of_birth": _date, "tags": _list}
