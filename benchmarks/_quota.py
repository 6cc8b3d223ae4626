"""How much of a location's quota a run has used, by the server's own log, against what its round trip allows."""

from __future__ import annotations

from typing import Any

from ghl_async.hooks import Event, RequestFinished

from ._harness import BenchmarkFailed, Report, Sandbox, spans

__all__ = ["RoundTrip", "judge"]

USED = 0.98
"""Of W / (W + round trip), the most that can be used of a window of W where no slot is free before its reply."""


class RoundTrip:
    """A hook that measures the mean round trip."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._requests = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, RequestFinished):
            self._seconds += event.seconds
            self._requests += 1

    @property
    def mean(self) -> float:
        """In seconds."""
        return self._seconds / self._requests


def judge(
    report: Report, name: str, sandbox: Sandbox, *, interval: float, granted: int, round_trip: float
) -> list[dict[str, Any]]:
    """Judge what a run used from the second window on, and that nothing was refused; return the admitted requests."""
    admitted = [entry for entry in sandbox.log() if entry["admitted"]]
    start = admitted[0]["at"] + interval
    steady = [entry["at"] for entry in admitted if entry["at"] >= start]
    shares = [count / granted for count in spans(steady, start, interval)]
    if not shares:
        raise BenchmarkFailed(f"{name}: {len(admitted)} requests are too few to judge what they use of the quota")
    used = (len(steady) - 1) / granted / ((steady[-1] - start) / interval)
    possible = interval / (interval + round_trip)
    largest = sandbox.ask("GET", "counts", interval=interval)["largest"]
    report.figure(f"{name}: share of the quota used, by windows", shares)
    report.note(
        f"{name}: {len(steady)} requests in {steady[-1] - start:.1f} s; mean round trip {round_trip * 1000:.1f} ms;"
        f" at most {largest} of {granted} in any span of {interval:g} s"
    )
    report.bar(f"{name}: share of the quota used", used, at_least=USED * possible)
    report.bar(f"{name}: replies 429", sandbox.refused(), at_most=0)
    return admitted
