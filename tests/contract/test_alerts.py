"""What reaches the place that alerts go to."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from placement_pipeline.connectors.notify import notify


class Webhook(HTTPServer):
    """A server on loopback that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keeper)
        self.kept: list[dict[str, str]] = []


class _Keeper(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Webhook)
        self.server.kept.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise imports it for PGP
def test_a_name_calls_nobody_in_the_chat_that_is_told_of_it(webhook: Webhook) -> None:
    title = "<!channel> @everyone: anna@acme.example is flagged"
    assert notify(f"json://127.0.0.1:{webhook.server_port}", title, "[pay](https://evil.example)\n75 % inbox")

    (sent,) = webhook.kept
    assert sent["title"] == "\u2039!channel\u203a @\u200beveryone: anna@acme.example is flagged"
    assert sent["message"] == "(pay)(https:\u200b//evil.example)\n75 % inbox"
