"""The commands and how they end: what is parsed, and which line and exit code an error becomes.

What a command needs is imported when it runs, so that `--help` and a misspelt option answer at once.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from .._version import __version__
from ..errors import DailyQuotaExhausted, GHLError, NoToken, UsageError
from .complaint import complain
from .options import (
    BackfillOptions,
    DoctorOptions,
    ExportOptions,
    LoginOptions,
    LogoutOptions,
    PlanOptions,
    SandboxOptions,
    SyncOptions,
    TokensOptions,
    UpdateOptions,
    VerifyOptions,
)

__all__ = [
    "backfill",
    "doctor",
    "export",
    "login",
    "logout",
    "plan",
    "run",
    "sandbox",
    "sync",
    "tokens",
    "update",
    "verify",
]

_BACKFILL = BackfillOptions()
_DOCTOR = DoctorOptions()
_EXPORT = ExportOptions()
_LOGIN = LoginOptions()
_LOGOUT = LogoutOptions()
_PLAN = PlanOptions()
_SANDBOX = SandboxOptions()
_SYNC = SyncOptions()
_TOKENS = TokensOptions()
_UPDATE = UpdateOptions()
_VERIFY = VerifyOptions()
_EPILOGUE = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 stopped and resumable, 4 finished with failed items."

app = App(
    name="ghl-async",
    help="Copy whole GoHighLevel locations at full quota, without losing a record.",
    help_epilogue=_EPILOGUE,
    version=__version__,
    default_parameter=Parameter(negative=()),
    result_action="return_value",
)


@app.command
async def backfill(options: Annotated[BackfillOptions, Parameter(name="*")] = _BACKFILL) -> int:
    """Copy a location's contacts with their tasks, notes and appointments into an SQLite file.

    The token is that of GHL_TOKEN, or one from `login`. It begins with a plan of what it will cost, and does not begin
    if the day's quota does not hold that. Whatever interrupts it, the same command goes on where it stopped; of a
    complete copy it makes a current one, by reading it all again: `sync` does that for a small part of the requests.
    """
    from .backfill import copy

    return await copy(options)


@app.command
async def doctor(options: Annotated[DoctorOptions, Parameter(name="*")] = _DOCTOR) -> int:
    """Try what the commands need, and say in a line each what is to be done. It costs about 10 requests.

    Store, token, location, each scope, quota, clock, version. Exit code 1 if something does not work.
    """
    from .doctor import examine

    return await examine(options)


@app.command
async def export(
    view: Annotated[
        Literal["contacts", "tasks", "notes", "appointments"], Parameter(help="Which records.", show_choices=True)
    ],
    /,
    options: Annotated[ExportOptions, Parameter(name="*")] = _EXPORT,
) -> int:
    """Write one kind of records of an SQLite file as JSON lines, CSV or Parquet.

    It reads the file that `ghl-async backfill` has made, also while it is being filled, and asks the location nothing,
    except for the names of custom fields. Parquet needs the extra: pip install "ghl_async[parquet]".
    """
    from .export import export_view

    return await export_view(view, options)


@app.command
def login(options: Annotated[LoginOptions, Parameter(name="*")] = _LOGIN) -> int:
    """Keep a token for the other commands: a private integration token, or with --oauth an app's.

    A private token is asked for without an echo, tried, and kept; a second one for the same location stands beside the
    first, takes over, and a backfill that is running changes to it by itself.
    """
    from .login import log_in

    return log_in(options)


@app.command
async def logout(options: Annotated[LogoutOptions, Parameter(name="*")] = _LOGOUT) -> int:
    """Forget stored tokens. The vendor takes them until they are revoked there."""
    from .stored import forget

    return await forget(options)


@app.command
async def plan(options: Annotated[PlanOptions, Parameter(name="*")] = _PLAN) -> int:
    """Say what a backfill or a sync will cost, in requests and time, and how it will read, for about 15 requests.

    The token is that of GHL_TOKEN, or one from `login`. Neither the location nor the SQLite file is changed.
    """
    from .plan import show_plan

    return await show_plan(options)


@app.command
async def sandbox(options: Annotated[SandboxOptions, Parameter(name="*")] = _SANDBOX) -> int:
    """Serve a made-up location on this machine, to try things on, until Ctrl-C.

    Prints the settings that point the other commands and `GHLClient.from_env()` at it, those of its app for
    `login --oauth` among them.
    More options: python -m ghl_async.sandbox --help
    """
    from .sandbox import serve_sandbox

    return await serve_sandbox(options)


@app.command
async def sync(options: Annotated[SyncOptions, Parameter(name="*")] = _SYNC) -> int:
    """Bring an SQLite file that `backfill` has made up to date, by reading what has changed. Made to be run each night.

    It sees contacts that were added or whose date has moved. A sweep, each night, also sees deletions and what moves no
    date; a whole pass, each week, also a changed task or old note. It begins with a plan of what it will cost, and does
    not begin if the day's quota does not hold that. A new file is filled, an unfinished one gone on with.
    """
    from .sync import keep_current

    return await keep_current(options)


@app.command
async def tokens(options: Annotated[TokensOptions, Parameter(name="*")] = _TOKENS) -> int:
    """Show what is stored, for whom, until when. Never a secret."""
    from .stored import show

    return await show(options)


@app.command
async def update(
    file: Annotated[Path, Parameter(help="A CSV file with a header, or JSON lines (.jsonl, .ndjson).")],
    /,
    options: Annotated[UpdateOptions, Parameter(name="*")] = _UPDATE,
) -> int:
    """Change many contacts as a file says: one row each, one column a field.

    The token is that of GHL_TOKEN, or one from `login`. The column id says which contact; the others are named as the
    API does (firstName), as people do (First name), or as a custom field is (its name, key or id). Columns that are
    nothing of this, or that can be two fields, are named before anything is sent. A row that is wrong fails alone, and
    goes with the reason into a file that can be fed back. Whatever interrupts it, the same command goes on where it
    stopped: a ledger beside the file remembers what is done.
    """
    from .update import update_contacts

    return await update_contacts(file, options)


@app.command
async def verify(options: Annotated[VerifyOptions, Parameter(name="*")] = _VERIFY) -> int:
    """Compare an SQLite file that `backfill` or `sync` has made with the location, and list what is not the same.

    What has changed at the location since then differs too: run `sync` first. In full it costs what a backfill does,
    and does not begin if the day's quota does not hold that; --sample costs about 3 requests a contact. Exit code 1 if
    something differs that was not mended.
    """
    from .verify import compare

    return await compare(options)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; what a user can mend becomes one line on stderr."""
    try:
        code: int | None = app(arguments, exit_on_error=False, print_error=False)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EPIPE}:
            raise
        complain(f"the help cannot be written ({error.strerror})")
        return 1
    except CycloptsError as error:
        command = " ".join(("ghl-async", *(error.command_chain or ())))
        # Without the words themselves: one of them may be a token.
        is_too_much = isinstance(error, UnusedCliTokensError)
        said = (
            "more words than the command takes; a token is never one of them, `login` asks for it"
            if is_too_much
            else error
        )
        complain(f"{said} (see {command} --help)")
        return 2
    except GHLError as error:
        complain(str(error))
        if isinstance(error, DailyQuotaExhausted):
            return 3
        return 2 if isinstance(error, (UsageError, NoToken)) else 1
    return code or 0
