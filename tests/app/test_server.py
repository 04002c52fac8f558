"""Our own addresses: what they hand out and what they refuse, behind a proxy too, and where the app
listens."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from glasskit.errors import InputError
from glasskit_app.address import bind, written
from glasskit_app.main import checked_root_path
from glasskit_app.server import create_app
from glasskit_app.state import AppState
from glasskit_app.thumbnails import Thumbnails
from tests.app.test_thumbnails import painted
from tests.benchmarks.many import made_up

NAMES = (
    "many",
    "my set",
    "a#b",
    "50% off",
    "why?",
    'it\'s "quoted"',
    "née — 猫",
    "a/b",
    "a&b=c;d",
    "<b>",
    "x.json",
    "back\\slash",
    "+",
)


def named(name: str, folder: Path) -> AppState:
    """A data set of this name with four pictures."""
    (folder / "pictures").mkdir()
    data = replace(painted(folder / "pictures", 4), name=name)
    vectors = made_up(4)
    return AppState([replace(vectors, dataset=data, thumbnails=Thumbnails(folder / "kept"))])


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(create_app(AppState([made_up(60)]), "127.0.0.1", 7860))


@pytest.mark.parametrize(
    "path",
    [
        "/kit/map/scenes.bin",
        "/kit/map/..%2f..%2fetc.bin",
        "/kit/texts/..%2f..%2fetc.json",
        "/kit/near/..%2f..%2f/0.json",
        "/kit/near/many/60.json",
        "/kit/pictures/many/0.webp",
        "/kit/pictures/..%2f..%2f/0.webp",
        "/kit/pictures/many/..%2f0.webp",
        "/kit/report/..%2f..%2fetc.html",
        "/kit/report/0123.html",
        "/kit/assets/kit.css",
        "/kit/../app/server.py",
    ],
)
def test_nothing_is_handed_out_by_path(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_scripts_are_one_file(client: TestClient) -> None:
    text = client.get("/kit/scripts.js").text
    assert text.endswith("GlassKit.complete = true;")
    assert "GlassKit.Atlas" in text


@pytest.mark.parametrize("name", NAMES)
def test_any_name_works_in_every_address(name: str, tmp_path: Path) -> None:
    state = named(name, tmp_path)
    client = TestClient(create_app(state, "127.0.0.1", 7860))
    part = quote(name, safe="")  # as encodeURIComponent writes it
    assert client.get(f"/kit/map/{part}.bin").status_code == 200
    assert client.get(f"/kit/texts/{part}.json").json()["key"][0] == "p0.png"
    assert len(client.get(f"/kit/near/{part}/0.json").json()["after"]) == 3
    from glasskit_app.map_data import map_answer

    pictures = map_answer(state.maps(name))["pictures"]
    for end in ("3.webp", "3.webp?small=1"):
        answer = client.get(f"/{pictures}{end}")
        assert answer.headers["content-type"] == "image/webp"


def test_two_data_sets_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="two data sets are named 'many'"):
        AppState([made_up(4), made_up(5)])


@pytest.mark.parametrize("prefix", ["", "/glass-kit"])
def test_behind_a_proxy(prefix: str) -> None:
    """Whether the proxy takes its path away from an address or leaves it there."""
    app = create_app(AppState([made_up(60)]), "127.0.0.1", 7860, "/glass-kit")
    with TestClient(app) as client:
        page = client.get(f"{prefix}/")
        assert page.status_code == 200
        assert "kit/scripts.js" in page.text
        assert client.get(f"{prefix}/kit/scripts.js").status_code == 200
        assert client.get(f"{prefix}/kit/map/many.bin").status_code == 200
        config = client.get(f"{prefix}/config").json()
        assert config["root"].endswith("/glass-kit")
        assert client.get(f"{prefix}/gradio_api/info").status_code == 200


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("/", ""),
        ("glass-kit", "/glass-kit"),
        ("/glass-kit/", "/glass-kit"),
        ("/a/b", "/a/b"),
        ("https://example.org/glass-kit/", "https://example.org/glass-kit"),
    ],
)
def test_root_paths(given: str, kept: str) -> None:
    assert checked_root_path(given) == kept


@pytest.mark.parametrize("given", ["/a?b", "/a b", "ftp://x/y", "/a#b"])
def test_what_is_no_root_path_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="root path"):
        checked_root_path(given)


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_a_taken_port_is_named(host: str, address: str) -> None:
    try:
        other = bind(host, 0)
    except InputError:
        pytest.skip(f"this machine has no {host}")
    with other:
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} on {host} is taken"):
            bind(host, port)
    assert written(host) == address


@pytest.mark.parametrize(
    ("host", "reason"),
    [("192.0.2.1", "192.0.2.1:7860: Cannot assign"), ("no-such.invalid", "no-such.invalid:7860: ")],
)
def test_why_an_address_cannot_be_had(host: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"cannot listen on {reason}") as told:
        bind(host, 7860)
    assert "taken" not in str(told.value)


def test_the_last_port_has_no_next_one() -> None:
    try:
        with bind("127.0.0.1", 65535) as other:
            other.listen()
            with pytest.raises(InputError, match="--port 65534"):
                bind("127.0.0.1", 65535)
    except OSError:
        pytest.skip("somebody else has the last port")


def test_a_socket_waits_for_its_server() -> None:
    with bind("127.0.0.1", 0) as bound, socket.socket() as other:
        assert other.connect_ex(bound.getsockname()) != 0
