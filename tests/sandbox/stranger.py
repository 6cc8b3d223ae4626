"""A sandbox process and plain curl: what the transcript tests are made of; nothing of the package is imported."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any, NamedTuple


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Stranger:
    """A sandbox process and a curl to talk to it."""

    def __init__(self, *options):
        command = [sys.executable, "-m", "ghl_async.sandbox", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        place = json.loads(self.line)
        self.base_url, self.token, self.location_id = place["base_url"], place["token"], place["location_id"]

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(10)
        self.process.stdout.close()
        return code

    def raw(self, path, *arguments):
        done = subprocess.run(
            ["curl", "-sS", "-i", "--noproxy", "*", *arguments, self.base_url + path], capture_output=True, check=True
        )
        head, _, body = done.stdout.decode().replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.split("\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Answer(int(first.split()[1]), headers, body)

    def get(self, path, *arguments, version="2021-07-28", token=None):
        bearer = ("-H", f"Authorization: Bearer {token or self.token}")
        return self.raw(path, *bearer, *(("-H", f"Version: {version}") if version else ()), *arguments)

    def search(self, **body):
        body = {"locationId": self.location_id, "pageLimit": 3} | body
        return self.get(
            "/contacts/search", "-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(body)
        )

    def cut(self, path):
        """Return the exit code of a curl that could not read an answer to its end."""
        bearer = ("-H", f"Authorization: Bearer {self.token}", "-H", "Version: 2021-07-28")
        command = ["curl", "-sS", "--noproxy", "*", *bearer, self.base_url + path]
        return subprocess.run(command, capture_output=True, check=False).returncode

    def door(self, method, name, body=None):
        data = () if body is None else ("-d", json.dumps(body))
        return self.raw(f"/_sandbox/{name}", "-X", method, *data).json
