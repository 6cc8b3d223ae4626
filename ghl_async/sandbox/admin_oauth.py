"""The doors of the OAuth server, under `/_sandbox/` like those of admin.py; they take and answer JSON.

    GET    oauth                  {"rules", "apps" (without secrets), "companies", "counts": see OAuth.counts}
    PUT    oauth                  changes rules, see OAuthRules in settings.py, and answers them
    POST   apps                   {"client_id"?, "client_secret"?, "redirect_uris"?, "scopes"?} answers the app
    POST   companies              {"company_id"?, "name"?, "active"?} adds one and answers it
    PUT    companies/{id}         {"name"?, "active"?}
    POST   authorize              {"client_id"?, "location_id" or "company_id", "redirect_uri"?, "scopes"?,
                                  "locations"?, "install_to_future"?} consents and answers {"code"}
    POST   uninstall              {"client_id"?, "location_id" or "company_id"}

Without a client id the first app is meant. A location's company and whether it is active are set with the doors
`locations` of admin.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from .oauth import App, OAuth

__all__ = ["OAUTH_DOORS"]

_Body = dict[str, Any]


def _shown(app: App) -> _Body:
    return {
        "client_id": app.client_id,
        "app_id": app.app_id,
        "version_id": app.version_id,
        "redirect_uris": app.redirect_uris,
        "scopes": sorted(app.scopes),
    }


def _app(oauth: OAuth, body: _Body) -> App:
    client_id = body.pop("client_id", None)
    return next(iter(oauth.apps.values())) if client_id is None else oauth.apps[client_id]


def _oauth(oauth: OAuth, _body: _Body, _name: str) -> object:
    return {
        "rules": oauth.rules,
        "apps": [_shown(app) for app in oauth.apps.values()],
        "companies": list(oauth.state.companies.values()),
        "counts": dict(oauth.counts),
    }


def _change_rules(oauth: OAuth, body: _Body, _name: str) -> object:
    return oauth.rules.change(**body)


def _add_app(oauth: OAuth, body: _Body, _name: str) -> object:
    app = oauth.add_app(**body)
    return _shown(app) | {"client_secret": app.client_secret}


def _add_company(oauth: OAuth, body: _Body, _name: str) -> object:
    return oauth.state.add_company(body.pop("company_id", ""), **body)


def _change_company(oauth: OAuth, body: _Body, name: str) -> object:
    return oauth.state.companies[name].change(**body)


def _authorize(oauth: OAuth, body: _Body, _name: str) -> object:
    return {"code": oauth.authorize(_app(oauth, body), **body)}


def _uninstall(oauth: OAuth, body: _Body, _name: str) -> object:
    oauth.uninstall(_app(oauth, body), **body)
    return {}


OAUTH_DOORS: Final[dict[tuple[str, str], Callable[[OAuth, _Body, str], object]]] = {
    ("GET", "oauth"): _oauth,
    ("PUT", "oauth"): _change_rules,
    ("POST", "apps"): _add_app,
    ("POST", "companies"): _add_company,
    ("PUT", "companies"): _change_company,
    ("POST", "authorize"): _authorize,
    ("POST", "uninstall"): _uninstall,
}
