"""The tags and the custom fields of a location (facts 8.7, Appendix A [spec])."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from .call import Call, Operation
from .profiles import clean_tags
from .refusals import Refusal, bad_request, unprocessable
from .shapes import choice_faults, expect_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .location import Location
    from .shapes import Shape

__all__ = ["DICTIONARY_ROUTES"]

_TAGS_READ, _TAGS_WRITE = "locations/tags.readonly", "locations/tags.write"
_FIELDS_READ, _FIELDS_WRITE = "locations/customFields.readonly", "locations/customFields.write"
_encode = msgspec.json.Encoder().encode


def _tags(call: Call) -> bytes:
    # facts 8.7 [spec]: {tags: [{id, name, locationId}]}, all of them
    call.expect_query(frozenset(), location=False)
    location = call.location(call.params[0], _TAGS_READ)
    return _encode({"tags": location.dictionaries.tags.all()})


def _unknown(noun: str) -> Refusal:
    # facts 5.2 [blog]: so for a custom value; for tags and custom fields [guess]
    return Refusal(404, {"statusCode": 404, "message": f"The {noun} id is invalid."})


def _tag_at(call: Call, scope: str) -> tuple[Location, str]:
    # the operations on one tag list no scope [spec]: that these serve is a guess
    call.expect_query(frozenset(), location=False)
    location = call.location(call.params[0], scope)
    if all(tag["id"] != call.params[1] for tag in location.dictionaries.tags.all()):
        raise _unknown("tag")
    return location, call.params[1]


def _tag(call: Call) -> bytes:
    location, tag_id = _tag_at(call, _TAGS_READ)
    return _encode({"tag": location.dictionaries.tags.show(tag_id)})


def _tag_name(call: Call) -> str:
    body = call.json()
    expect_shape(body, {"name": "string"}, ("name",))
    names = clean_tags([body["name"]])
    if not names:
        raise unprocessable(["name should not be empty"])
    return names[0]


def _create_tag(call: Call) -> bytes:
    # facts 8.7 [spec]: 200 {tag}; that a name may be there once is a guess, and its wording too
    call.expect_query(frozenset(), location=False)
    name = _tag_name(call)
    location = call.location(call.params[0], _TAGS_WRITE)
    tags = location.dictionaries.tags
    if tags.id_of(name) is not None:
        raise bad_request("The tag name is already exist.")
    tags.use([name])
    return _encode({"tag": tags.show(tags.id_of(name) or "")})


def _rename_tag(call: Call) -> bytes:
    name = _tag_name(call)
    location, tag_id = _tag_at(call, _TAGS_WRITE)
    tags = location.dictionaries.tags
    if tags.id_of(name) not in (None, tag_id):
        raise bad_request("The tag name is already exist.")
    tags.rename(tag_id, name)
    return _encode({"tag": tags.show(tag_id)})


def _delete_tag(call: Call) -> bytes:
    location, tag_id = _tag_at(call, _TAGS_WRITE)
    location.dictionaries.tags.remove(tag_id)
    return b'{"succeded":true}'


_MODELS: Final = ("contact", "opportunity", "all")
_NEW_TYPES: Final = (
    "TEXT", "LARGE_TEXT", "NUMERICAL", "PHONE", "MONETORY", "CHECKBOX", "SINGLE_OPTIONS", "MULTIPLE_OPTIONS", "FLOAT",
    "TIME", "DATE", "TEXTBOX_LIST", "FILE_UPLOAD", "SIGNATURE", "RADIO",
)  # fmt: skip
_FIELD: Final[Mapping[str, Shape]] = {
    "name": "string", "placeholder": "string", "acceptedFormat": "strings", "isMultipleFile": "boolean",
    "maxNumberOfFiles": "number", "textBoxListOptions": "list", "position": "number", "model": "string",
}  # fmt: skip


def _custom_fields(call: Call) -> bytes:
    # facts 8.7 [spec][live]: {customFields}; picklistOptions only where there are options
    call.expect_query(frozenset({"model"}), location=False)
    model = call.query.get("model", "contact")  # the default is a guess
    if model not in _MODELS:
        raise unprocessable([f"model must be one of the following values: {', '.join(_MODELS)}"])
    location = call.location(call.params[0], _FIELDS_READ)
    fields = location.dictionaries.fields.by_id.values()
    return _encode({"customFields": [field for field in fields if model in ("all", field["model"])]})


def _field_at(call: Call, scope: str) -> tuple[Location, str]:
    call.expect_query(frozenset(), location=False)
    location = call.location(call.params[0], scope)
    if call.params[1] not in location.dictionaries.fields.by_id:
        raise _unknown("custom field")
    return location, call.params[1]


def _field(call: Call) -> bytes:
    location, field_id = _field_at(call, _FIELDS_READ)
    return _encode({"customField": location.dictionaries.fields.by_id[field_id]})


def _more(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored of a body beside name, model and type."""
    plain = ("name", "placeholder", "position")
    renamed = {"isMultipleFile": "isMultiFileAllowed", "maxNumberOfFiles": "maxFileLimit"}  # facts Appendix A [spec]
    more = {renamed.get(name, name): body[name] for name in (*plain, *renamed) if body.get(name) is not None}
    if body.get("textBoxListOptions") is not None:  # options of every type are sent under this name [spec]
        more["picklistOptions"] = body["textBoxListOptions"]
    return more


def _create_field(call: Call) -> bytes:
    # 201 {customField} [spec]
    call.expect_query(frozenset(), location=False)
    body = call.json()
    faults = choice_faults(body, "dataType", _NEW_TYPES) + choice_faults(body, "model", _MODELS[:2])
    expect_shape(body, {**_FIELD, "dataType": "string"}, ("name", "dataType"), more=faults)
    location = call.location(call.params[0], _FIELDS_WRITE)
    more = _more(body) | {"dataType": body["dataType"]}
    name = more.pop("name")
    field = location.dictionaries.fields.create(name, body.get("model") or "contact", more)
    location.touch()
    return _encode({"customField": field})


def _update_field(call: Call) -> bytes:
    # the name is needed here too [spec]; a field stays with its model [guess]
    body = call.json()
    expect_shape(body, _FIELD, ("name",), more=choice_faults(body, "model", _MODELS[:2]))
    location, field_id = _field_at(call, _FIELDS_WRITE)
    return _encode({"customField": location.dictionaries.fields.change(field_id, _more(body))})


def _delete_field(call: Call) -> bytes:
    # facts 11 [live]: `succeded`
    location, field_id = _field_at(call, _FIELDS_WRITE)
    location.dictionaries.fields.remove(field_id)
    location.touch()
    return b'{"succeded":true}'


_ALL_TAGS, _ALL_FIELDS = "/locations/{locationId}/tags", "/locations/{locationId}/customFields"

DICTIONARY_ROUTES: Final = (
    Operation("GET", _ALL_TAGS, _tags),
    Operation("POST", _ALL_TAGS, _create_tag, writes=True, creates=True),
    Operation("GET", f"{_ALL_TAGS}/{{tagId}}", _tag),
    Operation("PUT", f"{_ALL_TAGS}/{{tagId}}", _rename_tag, writes=True),
    Operation("DELETE", f"{_ALL_TAGS}/{{tagId}}", _delete_tag, writes=True),
    Operation("GET", _ALL_FIELDS, _custom_fields),
    Operation("POST", _ALL_FIELDS, _create_field, status=201, writes=True, creates=True),
    Operation("GET", f"{_ALL_FIELDS}/{{id}}", _field),
    Operation("PUT", f"{_ALL_FIELDS}/{{id}}", _update_field, writes=True),
    Operation("DELETE", f"{_ALL_FIELDS}/{{id}}", _delete_field, writes=True),
)
