"""The page where a person chooses for whom an app may act; here it can also decide by itself.

On the real service it stands on another host (facts 9.1 [docs]). `choose` in the address, a location's or a company's
id or `none`, is this sandbox's own: it is what a click on the page adds.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import urlencode

from .call import Call, Operation
from .refusals import Page

if TYPE_CHECKING:
    from .oauth import App

__all__ = ["CONSENT_ROUTES"]

_REFUSED: Final = "none"


def _consent(call: Call) -> NoReturn:
    query, oauth = call.query, call.oauth
    if call.refusal is not None:
        raise call.refusal
    app = oauth.apps.get(query.get("client_id", ""))
    problem = _problem(call, app)
    if problem or app is None:
        raise _page(400, f"<p>{escape(problem)}</p>")
    call.on_behalf = (app.client_id, None)
    rules = oauth.rules
    chosen = query.get("choose") or ("" if rules.consent == "ask" else rules.consent_for or call.state.main.id)
    if rules.consent == "deny" or chosen == _REFUSED:
        # RFC 6749 4.1.2.1; what the real page does is unknown [guess]
        raise _redirect(call, error="access_denied", error_description="The resource owner denied the request")
    if not chosen:
        raise _page(200, _choices(call))
    if chosen not in call.state.locations and chosen not in call.state.companies:
        raise _page(400, f"<p>there is no location or company {escape(chosen)}</p>")
    call.on_behalf = (app.client_id, chosen)
    code = oauth.authorize(
        app,
        location_id=chosen if chosen in call.state.locations else "",
        company_id="" if chosen in call.state.locations else chosen,
        redirect_uri=query["redirect_uri"],
        scopes=query.get("scope", "").split() or None,
    )
    raise _redirect(call, code=code)


def _problem(call: Call, app: App | None) -> str:
    """Tell what is wrong with the address; then nobody is sent anywhere (RFC 6749 4.1.2.1) [guess]."""
    query = call.query
    if app is None:
        return "client_id is unknown"
    if query.get("response_type") != "code":  # facts 9.1 [docs]
        return "response_type must be code"
    if query.get("redirect_uri") not in app.redirect_uris:
        return "redirect_uri is not one of the app's"
    foreign = sorted(set(query.get("scope", "").split()) - app.scopes)
    return f"the app has no scope {' '.join(foreign)}" if foreign else ""


def _redirect(call: Call, **parameters: str) -> Page:
    state = call.query.get("state")  # facts 9.1: passed through [guess]
    query = urlencode(parameters if state is None else parameters | {"state": state})
    address = call.query["redirect_uri"]
    return Page(302, b"", {"Location": f"{address}{'&' if '?' in address else '?'}{query}"})


def _page(status: int, content: str) -> Page:
    page = f"<!DOCTYPE html><html><head><title>Sandbox</title></head><body><h1>Sandbox</h1>{content}</body></html>"
    return Page(status, page.encode(), {"Cache-Control": "no-store"})


def _choices(call: Call) -> str:
    state = call.state
    rows = [
        *((company.id, f"{company.name} (the agency)") for company in state.companies.values()),
        *((location.id, location.place.name) for location in state.locations.values()),
        (_REFUSED, "Deny"),
    ]
    sent = {name: value for name, value in call.query.items() if name != "choose"}
    links = "".join(
        f'<li><a href="?{escape(urlencode(sent | {"choose": one}))}">{escape(name)}</a> {escape(one)}</li>'
        for one, name in rows
    )
    return f"<p>Who lets the app in?</p><ul>{links}</ul>"


CONSENT_ROUTES: Final = (
    Operation("GET", "/v2/oauth/chooselocation", _consent, is_open=True, secret=True),
    Operation("GET", "/oauth/chooselocation", _consent, is_open=True, secret=True),  # facts 9.1: before 2026-05-27
)
