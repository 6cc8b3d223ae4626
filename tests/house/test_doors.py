"""Who may know whom. A new arrow edits the table below in the same commit, so that a review sees it.

    8  cli
    7  service
    6  workiz (bridge)
    5  bulk
    4  client           workiz (client)
    3  resources        auth
    2  wire             webhooks      dictionary
    1  errors   hooks   pagination   models                       sandbox, workiz.sandbox (apart)

Arrows run down only. Type-only and late imports are arrows too: a reader has to follow them all the same.
"""

import sys
from dataclasses import dataclass

import pytest

from .source import PACKAGE, Module, expect_none, is_ours, modules_of_the_package, resolve


@dataclass(frozen=True)
class Room:
    """A file or a folder: its floor, the rooms it may import, the third-party libraries that may enter by it."""

    floor: int
    rooms: frozenset[str] = frozenset()
    libraries: frozenset[str] = frozenset()


def room(floor, rooms="", libraries=""):
    return Room(floor, frozenset(rooms.split()), frozenset(libraries.split()))


WIRE = "wire.request wire.dialect wire.limiter wire.reading wire.share wire.deadline wire.retry"
ROOMS = {
    "_version": room(0),
    "errors": room(1, libraries="msgspec"),
    "hooks": room(1, libraries="msgspec"),
    "pagination": room(1, "errors", "msgspec"),
    "models": room(1, libraries="msgspec"),
    "wire": room(2),
    "wire.request": room(2, f"errors {WIRE}", "msgspec"),
    "wire.dialect": room(2, f"errors {WIRE} _version", "msgspec"),
    "wire.limiter": room(2, f"errors {WIRE}", "msgspec aiolimiter"),
    "wire.reading": room(2, f"errors {WIRE}", "msgspec"),
    "wire.deadline": room(2),
    "wire.share": room(2, WIRE),
    "wire.retry": room(2, f"errors {WIRE}", "msgspec backoff"),
    # yarl and multidict come with aiohttp: they are the types of its URLs and headers
    "wire.transport": room(2, f"errors hooks {WIRE} _version", "msgspec aiohttp multidict yarl"),
    "webhooks": room(2, "models errors", "msgspec cryptography"),
    "dictionary": room(2, "models errors"),
    "auth": room(3, f"auth._sealing {WIRE} wire.transport errors hooks", "msgspec"),
    "auth._sealing": room(3, "errors", "cryptography keyring"),
    "resources": room(3, "wire.request models pagination errors dictionary", "msgspec phonenumbers"),
    "client": room(4, f"resources dictionary {WIRE} wire.transport auth hooks errors", "msgspec"),
    "workiz.client": room(4, f"workiz.models {WIRE} wire.transport auth errors pagination hooks", "msgspec"),
    "workiz.models": room(1, libraries="msgspec"),
    "bulk": room(5, "client models pagination hooks errors", "msgspec pyarrow"),
    "workiz": room(6, "workiz.bridge workiz.client workiz.models"),
    "workiz.bridge": room(6, "workiz.client workiz.models client bulk models hooks errors", "msgspec"),
    "service": room(7, "webhooks bulk auth client workiz models hooks errors", "msgspec aiohttp.web"),
    "sandbox": room(0, libraries="msgspec aiohttp.web"),
    "sandbox.plugin": room(1, "sandbox", "pytest pytest_asyncio"),
    "workiz.sandbox": room(0, libraries="msgspec aiohttp.web"),
    "cli": room(
        8,
        f"_version errors hooks pagination models {WIRE} wire.transport webhooks auth resources client dictionary bulk"
        " workiz service sandbox workiz.sandbox",
        "msgspec cyclopts platformdirs rich",
    ),
    "__main__": room(9, "cli"),
    # The front door hands out names and keeps none: it stands beside the house, and nobody inside comes back to it.
    "": room(9, "_version errors models wire.limiter wire.retry client bulk"),
}
SIDEWAYS = {("pagination", "errors"), ("workiz", "workiz.bridge"), ("auth", "auth._sealing")}
"""Arrows between rooms of one floor, besides those among the files of wire. test_circles keeps them from closing."""

ALONE = {"resources"}
"""Rooms whose files may not import each other, those named with an underscore excepted."""


def inside(module):
    """A module's name without the package: "ghl_async.wire.retry" gives "wire.retry", the front door gives ""."""
    return module.removeprefix(PACKAGE).removeprefix(".")


def room_of(module):
    """The room a module stands in, or None if the table does not know it."""
    name = inside(module)
    while name not in ROOMS:
        if not name:
            return None
        name = name.rpartition(".")[0]
    # A new file beside wire/retry.py is no part of the room "wire" (its __init__): it needs a row of its own.
    if name == "" and inside(module):
        return None
    if name in {"wire", "workiz"} and name != inside(module):
        return None
    return name


def library_of(imported):
    """The third-party door an import goes through, or None for the standard library."""
    top = imported.partition(".")[0]
    if top in sys.stdlib_module_names:
        return None
    # The server half of aiohttp is a door of its own: aiohttp.web, aiohttp.web_exceptions, ...
    return "aiohttp.web" if imported.startswith("aiohttp.web") else top


def violations(modules):
    """Every import that no row of the table allows, as lines for people."""
    names = {module.name for module in modules}
    found = []
    for module in modules:
        here = room_of(module.name)
        if here is None:
            found.append(f"{module.name}: stands in no room of the table")
            continue
        for imported in sorted(module.imports):
            line = f"{module.name} imports {imported}"
            if not is_ours(imported):
                library = library_of(imported)
                if library and library not in ROOMS[here].libraries:
                    found.append(f"{line}: {library} does not enter by {here or 'the front door'}")
                continue
            target = resolve(imported, names)
            there = room_of(target)
            if there == here:
                if here in ALONE and not_a_neighbours_business(module.name, target):
                    found.append(f"{line}: the files of {here} do not know each other")
            elif there not in ROOMS[here].rooms:
                found.append(f"{line}: {here or 'the front door'} does not know {there or 'the front door'}")
    return found


def not_a_neighbours_business(module, target):
    package = f"{PACKAGE}.{room_of(module)}"
    return package not in {module, target} and not target.rpartition(".")[2].startswith("_")


def test_every_import_goes_through_a_door_of_the_table():
    expect_none(violations(modules_of_the_package()))


def test_the_arrows_of_the_table_run_down():
    up = [
        (name, other)
        for name, row in ROOMS.items()
        for other in row.rooms
        if ROOMS[other].floor >= row.floor
        and (name, other) not in SIDEWAYS
        and not (name.startswith("wire.") and other.startswith("wire."))
    ]
    assert not up


def test_nobody_imports_cli_but_the_program():
    assert [name for name, row in ROOMS.items() if "cli" in row.rooms] == ["__main__"]


@pytest.mark.parametrize(
    ("library", "doors"),
    [
        ("aiohttp", {"wire.transport"}),
        ("yarl", {"wire.transport"}),
        ("multidict", {"wire.transport"}),
        ("aiohttp.web", {"sandbox", "workiz.sandbox", "service"}),
        ("aiolimiter", {"wire.limiter"}),
        ("backoff", {"wire.retry"}),
        ("cryptography", {"webhooks", "auth._sealing"}),
        ("keyring", {"auth._sealing"}),
        ("phonenumbers", {"resources"}),
        ("cyclopts", {"cli"}),
        ("platformdirs", {"cli"}),
        ("rich", {"cli"}),
    ],
)
def test_a_library_enters_by_its_doors_only(library, doors):
    assert {name for name, row in ROOMS.items() if library in row.libraries} == doors


@pytest.mark.parametrize("name", ["sandbox", "workiz.sandbox"])
def test_the_sandboxes_know_nothing_of_the_sdk(name):
    assert not ROOMS[name].rooms


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("models.contact", "from ..wire.request import Request", "models does not know wire.request"),
        ("models.contact", "import ghl_async.errors", "models does not know errors"),
        ("resources.tasks", "from ..wire import transport", "resources does not know wire.transport"),
        ("resources.tasks", "from .contacts import Contacts", "do not know each other"),
        ("resources.tasks", "def f():\n    import aiohttp", "aiohttp does not enter by resources"),
        ("bulk.fetch", "if TYPE_CHECKING:\n    from ..auth import Token", "bulk does not know auth"),
        ("client", "from .cli import main", "client does not know cli"),
        ("client", "from . import bulk", "client does not know bulk"),
        ("client", "from . import GHLError", "client does not know the front door"),
        ("sandbox.server", "from ..errors import GHLError", "sandbox does not know errors"),
        ("sandbox.server", "from .. import __version__", "sandbox does not know the front door"),
        ("sandbox.server", "from aiohttp import web, ClientSession", "aiohttp does not enter by sandbox"),
        ("wire.retry", "import aiolimiter", "aiolimiter does not enter by wire.retry"),
        ("wire.cache", "", "stands in no room"),
        ("utils", "", "stands in no room"),
    ],
)
def test_a_forbidden_import_is_found(name, text, complaint):
    found = violations([Module(f"{PACKAGE}.{name}", text), *stand_ins()])
    assert len(found) == 1
    assert complaint in found[0]


def stand_ins():
    """Empty modules that the made-up imports point at."""
    names = ["errors", "auth", "cli", "bulk", "wire", "wire.request", "wire.transport", "resources.contacts"]
    return [Module(PACKAGE, "", is_package=True), *(Module(f"{PACKAGE}.{name}", "") for name in names)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("resources.tasks", "from ..wire.request import Request\nfrom ._envelope import one\nimport json, msgspec"),
        ("sandbox.server", "from aiohttp import web\nfrom aiohttp.web_exceptions import HTTPOk\nfrom .state import X"),
        ("pagination", "from .errors import CursorRepeated"),
        ("wire.limiter", "from .request import Lane\nfrom aiolimiter import AsyncLimiter"),
    ],
)
def test_an_allowed_import_passes(name, text):
    made_up = Module(f"{PACKAGE}.{name}", text)
    siblings = [Module(f"{PACKAGE}.{name}", "") for name in ("resources._envelope", "sandbox.state")]
    assert not violations([made_up, *stand_ins(), *siblings])
