"""The page is served to this machine alone, and made anew when the record changes."""

import http.client
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from made_record import saved_record

from ray_nas.report.experiment_data import load_experiment
from ray_nas.report.live_page import LivePage, make_server
from ray_nas.report.report_page import render


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    def make() -> str:
        return render(load_experiment(tmp_path), refresh_seconds=3)

    served = make_server(LivePage(make, tmp_path))
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


def get(server: ThreadingHTTPServer, path: str, host: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    headers = {"Host": host} if host else {}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def test_the_page_follows_the_record(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    status, html = get(server, "/")
    assert status == 200
    assert "No report yet" in html
    saved_record(tmp_path, [{}])
    first = get(server, "/version")[1]
    html = get(server, "/")[1]
    assert 'data-refresh="3"' in html
    assert "connect-src &#39;self&#39;" in html
    assert "1 trials" in html
    saved_record(tmp_path, [{}, {}])
    assert get(server, "/version")[1] != first
    assert "2 trials" in get(server, "/")[1]


def test_only_the_page_and_only_this_machine(server: ThreadingHTTPServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert get(server, "/../etc/passwd")[0] == 404
    assert get(server, "/", host="attacker.example:80")[0] == 403


def test_the_page_is_made_once_for_each_version(tmp_path: Path) -> None:
    made = []

    def make() -> str:
        made.append(1)
        return "page"

    saved_record(tmp_path, [{}])
    page = LivePage(make, tmp_path)
    assert page.html() == page.html() == "page"
    assert len(made) == 1


def test_errors_are_shown_as_text(tmp_path: Path) -> None:
    def make() -> str:
        raise ValueError("<script>")

    assert "&lt;script&gt;" in LivePage(make, tmp_path).html()
