"""Which requests reach Dagster's web server: none that a foreign page can have a browser send."""

from typing import Any

import pytest

from placement_pipeline.web_guard import find_breach

OWN = frozenset({"127.0.0.1:3000", "localhost:3000"})
HOST = {"Host": "127.0.0.1:3000"}
PAGE = HOST | {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-origin"}
JSON = {"Content-Type": "application/json"}
LINK = HOST | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def scope(method: str, path: str, *headers: tuple[str, str]) -> dict[str, Any]:
    kind = {"type": "websocket"} if method == "WEBSOCKET" else {"type": "http", "method": method}
    return {**kind, "path": path, "headers": [(name.lower().encode(), value.encode()) for name, value in headers]}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/graphql", PAGE | JSON),
        ("POST", "/graphql", PAGE | {"Content-Type": "Application/JSON; charset=utf-8"}),
        ("POST", "/graphql", {"Host": "LOCALHOST:3000", "Origin": "http://localhost:3000"} | JSON),
        ("POST", "/graphql", HOST | JSON),  # a program
        ("POST", "/report_asset_materialization/a", HOST | JSON),
        ("GET", "/", HOST),
        ("GET", "/runs", HOST | {"Sec-Fetch-Site": "none"}),
        ("GET", "/runs", LINK),
        ("GET", "/graphql", HOST | {"Accept": "text/html,*/*"}),
        ("WEBSOCKET", "/graphql", PAGE),
        ("WEBSOCKET", "/graphql", HOST),
    ],
)
def test_what_the_ui_and_programs_ask_is_let_through(method: str, path: str, headers: dict[str, str]) -> None:
    assert find_breach(scope(method, path, *headers.items()), OWN) is None


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/graphql", HOST),
        ("GET", "/graphql", HOST | {"Accept": "application/json"}),
        ("HEAD", "/graphql", HOST),
        ("GET", "/graphql\n", HOST),
        ("GET", "/prefix/graphql", HOST),
        ("POST", "/graphql", PAGE | {"Content-Type": "text/plain"}),
        ("POST", "/graphql", PAGE | {"Content-Type": "text/plain; application/json"}),
        ("POST", "/graphql", PAGE | {"Content-Type": "application/graphql"}),
        ("POST", "/graphql", PAGE),
        ("PUT", "/graphql", PAGE),
        ("POST", "/report_asset_materialization/a", HOST | {"Content-Type": "application/x-www-form-urlencoded"}),
        ("POST", "/graphql", {"Host": "evil.example:3000"} | JSON),
        ("POST", "/graphql", {"Host": "127.0.0.1"} | JSON),
        ("POST", "/graphql", JSON),
        ("GET", "/", {"Host": "evil.example:3000"}),
        ("POST", "/graphql", HOST | JSON | {"Origin": "https://evil.example"}),
        ("POST", "/graphql", HOST | JSON | {"Origin": "null"}),
        ("POST", "/graphql", HOST | JSON | {"Origin": ""}),
        ("POST", "/graphql", HOST | JSON | {"Origin": "http://127.0.0.1:8000"}),
        ("POST", "/graphql", HOST | JSON | {"Origin": "http://["}),  # taking it apart raised
        ("POST", "/graphql", HOST | JSON | {"Origin": "http://127.0.0.1:3000@evil.example"}),
        ("POST", "/graphql", HOST | JSON | {"Origin": "127.0.0.1:3000"}),
        ("POST", "/graphql", HOST | JSON | {"Sec-Fetch-Site": "cross-site"}),
        ("POST", "/graphql", HOST | JSON | {"Sec-Fetch-Site": "same-site"}),
        ("POST", "/runs", LINK | JSON),
        ("GET", "/graphql", LINK | {"Accept": "text/html"}),
        ("GET", "/runs", LINK | {"Sec-Fetch-Dest": "iframe"}),
        ("GET", "/runs", HOST | {"Sec-Fetch-Site": "cross-site"}),
        ("WEBSOCKET", "/graphql", HOST | {"Origin": "https://evil.example"}),
        ("WEBSOCKET", "/graphql", {"Host": "evil.example"}),
    ],
)
def test_what_a_foreign_page_can_have_a_browser_send_is_refused(
    method: str, path: str, headers: dict[str, str]
) -> None:
    assert find_breach(scope(method, path, *headers.items()), OWN) is not None


@pytest.mark.parametrize("twice", ["Host", "Origin", "Sec-Fetch-Site", "Content-Type"])
def test_a_header_that_comes_twice_can_be_read_differently_and_is_refused(twice: str) -> None:
    headers = PAGE | JSON
    assert find_breach(scope("POST", "/graphql", *headers.items(), (twice, headers[twice])), OWN) is not None
