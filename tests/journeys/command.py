"""Runs the command line as users do, in a process of its own, and looks at everything it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import NamedTuple

from ..house.source import ROOT

PROGRAM = (sys.executable, "-W", "error::ResourceWarning", "-m", "ghl_async")
KEY = "dGhlIGtleSBvZiBhbGwgdGVzdHMsIGtub3duIHRvIGE="
"""Of the token files that tests make; nobody's keyring is asked."""
_NOT_OURS = ("GHL_", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "TERM")


class Ended(NamedTuple):
    code: int
    out: str
    err: str


class Command:
    """Starts `ghl-async ...` in one folder; unless told otherwise it is pointed at `sandbox`."""

    def __init__(self, folder, sandbox=None):
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)} | {
            "PYTHONPATH": str(ROOT),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "GHL_ASYNC_TOKENS": str(folder / "tokens"),
            "GHL_ASYNC_KEY": KEY,
        }
        self.sandbox = sandbox
        if sandbox is not None:
            self.environment |= {
                "GHL_BASE_URL": sandbox.base_url,
                "GHL_TOKEN": sandbox.token,
                "GHL_LOCATION_ID": sandbox.location_id,
            }

    async def start(self, *arguments, program=PROGRAM, **environment):
        """Start it with a pipe to write to; an environment value of None takes the variable away."""
        merged = {name: value for name, value in (self.environment | environment).items() if value is not None}
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *program, *map(str, arguments), cwd=self.folder, env=merged, stdin=pipe, stdout=pipe, stderr=pipe
        )

    async def end(self, process, said=""):
        """Say the last words and wait for it; whatever it did, it shows no traceback, and no secret is anywhere."""
        out, err = await asyncio.wait_for(process.communicate(said.encode()), 60)
        files = (path for path in self.folder.rglob("*") if path.is_file() and not path.name.startswith("tokens.db"))
        places = [out, err, *(path.read_bytes() for path in files)]  # a plain store is documented to be plain
        for secret in self.secrets():
            assert not any(secret.encode() in place for place in places)
        assert "Traceback" not in err.decode()
        return Ended(process.returncode, out.decode(), err.decode())

    def secrets(self):
        """All that the sandbox has handed out."""
        if self.sandbox is None:
            return set()
        oauth = self.sandbox.oauth
        clients = {app.client_secret for app in oauth.apps.values()}
        return {self.sandbox.token, KEY, *clients, *self.sandbox.state.tokens, *oauth._refreshes, *oauth._codes}

    async def __call__(self, *arguments, said="", **environment):
        return await self.end(await self.start(*arguments, **environment), said)

    @contextlib.asynccontextmanager
    async def running(self, *arguments, **environment):
        """A process that does not outlive the block."""
        process = await self.start(*arguments, **environment)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
                await process.communicate()


async def until(condition):
    """Let others work until something holds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  (what is waited for happens in another process)
            await asyncio.sleep(0.005)
