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
            "PYTHONPATH": str(ROOT)
        }
        self.token = ""
        if sandbox is not None:
            self.token = sandbox.token
            self.environment |= {
                "GHL_BASE_URL": sandbox.base_url,
                "GHL_TOKEN": sandbox.token,
                "GHL_LOCATION_ID": sandbox.location_id,
            }

    async def start(self, *arguments, program=PROGRAM, **environment):
        """Start it and return the process; an environment value of None takes the variable away."""
        merged = {name: value for name, value in (self.environment | environment).items() if value is not None}
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *program, *map(str, arguments), cwd=self.folder, env=merged, stdout=pipe, stderr=pipe
        )

    async def end(self, process):
        """Wait for it; whatever it did, it shows no traceback, and the token is nowhere."""
        out, err = await asyncio.wait_for(process.communicate(), 60)
        if self.token:
            places = [out, err, *(path.read_bytes() for path in self.folder.iterdir() if path.is_file())]
            assert not any(self.token.encode() in place for place in places)
        assert "Traceback" not in err.decode()
        return Ended(process.returncode, out.decode(), err.decode())

    async def __call__(self, *arguments, **environment):
        return await self.end(await self.start(*arguments, **environment))

    @contextlib.asynccontextmanager
    async def running(self, *arguments):
        """A process that does not outlive the block."""
        process = await self.start(*arguments)
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
