"""Dagster's web server behind a guard: only its own pages, and programs that mean it, may ask it for anything.

The server has no sign-in, and by itself it takes a mutation by GET or as plain text, from any page, under any
name. So any page open in the same browser could start runs, and runs send as the reps. What belongs here: which
requests are let through, and starting the server with that in front.

    python -m placement_pipeline.web_guard 127.0.0.1:3000,localhost:3000 -h 127.0.0.1 -p 3000 -w workspace.yaml

The first argument names the hosts by which the server is known; the others are ``dagster-webserver``'s.
"""

import sys
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

# The protocol between a Python web server and what it serves: https://asgi.readthedocs.io
AsgiScope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[AsgiScope, Receive, Send], Awaitable[None]]

_READING = ("GET", "HEAD")


def find_breach(scope: AsgiScope, own_hosts: Collection[str]) -> str | None:
    """Why a request or the opening of a WebSocket is refused; None where it is let through.

    Args:
        scope: the connection as ASGI describes it.
        own_hosts: the values of ``Host`` by which the server is known.
    """
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip())
    method = scope.get("method", "GET")
    is_graphql = "/graphql" in scope["path"]  # not its end alone: a router takes "/graphql\n" for it too

    def lone(name: str) -> str:
        """The one value of a header; nothing where there is none, or where two could be read differently."""
        values = headers.get(name, [])
        return values[0] if len(values) == 1 else ""

    # A name that someone else's DNS points at this machine would make their page one of ours.
    if lone("host").lower() not in own_hosts:
        return "this server is not known by that Host"
    # A scheme and a host, and nothing else (RFC 6454 section 6.1): there is nothing to be taken apart.
    if "origin" in headers and lone("origin").lower().partition("://")[2] not in own_hosts:
        return "a page of another Origin may not ask"
    if headers.get("sec-fetch-site", ["none"]) not in (["none"], ["same-origin"]):
        # A link that someone clicks leads to a page; it can ask for nothing.
        is_link = lone("sec-fetch-mode") == "navigate" and lone("sec-fetch-dest") == "document"
        if method != "GET" or is_graphql or not is_link:
            return "a page of another site may not ask"
    if scope["type"] == "websocket":
        return None
    # As the type itself: a browser sends "text/plain; application/json" for any page without asking.
    if method not in _READING and lone("content-type").partition(";")[0].strip().lower() != "application/json":
        return "only POST with the content type application/json is taken"
    if method in _READING and is_graphql and "text/html" not in lone("accept"):  # which is answered with a page
        return "GraphQL is asked by POST"
    return None


def guard(application: Application, own_hosts: Collection[str]) -> Application:
    """The same application, which what breaks the rules does not reach: it is answered with 403."""

    async def guarded(scope: AsgiScope, receive: Receive, send: Send) -> None:
        breach = find_breach(scope, own_hosts) if scope["type"] in ("http", "websocket") else None
        if breach is None:
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before it was accepted: the server says 403
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": f"Refused: {breach}.\n".encode()})

    return guarded


def main() -> None:
    """Run ``dagster-webserver`` with the guard in front of it."""
    from dagster_webserver import cli
    from dagster_webserver.app import create_app_from_workspace_process_context as make_app

    own_hosts = frozenset(host.strip().lower() for host in sys.argv[1].split(","))

    def make_guarded_app(*arguments: Any, **options: Any) -> Application:
        return guard(make_app(*arguments, **options), own_hosts)

    # The command makes and serves its application in one go, and has no place for a middleware.
    command = vars(cli)
    command[make_app.__name__] = make_guarded_app
    command["dagster_webserver"](sys.argv[2:], prog_name="dagster-webserver", auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    main()
