"""How a verification ends, in words and in its Summary."""

from __future__ import annotations

import msgspec

from .run import Summary, Tally

__all__ = ["Verdict"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say of one that came to its end."""

    gap: str | None
    """Why it proves nothing."""
    hidden: int
    """Contacts that the search does not show."""
    is_even: bool
    """Whether the counts of both sides agree, as far as that is asked."""
    repairs: bool
    remarks: str

    def of(self, tally: Tally) -> Summary:
        """Close the books of a run whose `verified` and `stored` are known."""
        verified, stored = tally.verified, tally.stored
        if verified is None or stored is None:
            raise AssertionError("a verification came to its end without its books")
        said = f"{verified.contacts} contacts and {verified.records} of their records were compared{self.remarks}"
        if not self.is_even:
            said += f"; the server counts {tally.total} contacts, the store holds {stored.contacts}"
        if self.gap is not None:
            return tally.summary("incomplete", self.gap, resumable=False)
        if self.is_even and not verified.all:
            return tally.summary("finished", f"{said}: nothing differs", resumable=False)
        missing = "1 record is" if verified.missing == 1 else f"{verified.missing} records are"
        said += f": {missing} missing, {verified.stale} stale and {verified.surplus} too many, {verified.holes}"
        said += " could not be read"
        if self.hidden:
            said += (
                f", {self.hidden} of them contacts that the search does not show, though they are not known to be gone"
            )
        if self.is_even and verified.mended:
            return tally.summary("finished", f"{said}; all of it was mended", resumable=False)
        return tally.summary("incomplete", f"{said}; {self._advice(verified.all)}", resumable=False)

    def _advice(self, amiss: int) -> str:
        if not self.is_even:
            return "sync brings the store up to date, and a comparison in full says what is amiss"
        if self.hidden == amiss:
            return "no repair mends that: run it again, and if it stays, report it to the vendor"
        return "some could not be mended: run it again" if self.repairs else "repair=True (--repair) mends it"
