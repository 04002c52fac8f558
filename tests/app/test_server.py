"""Our own addresses: what they hand out and what they refuse, behind a proxy too, and where the app
listens."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from starlette.testclient import TestClient

from glasskit.errors import InputError
from glasskit.plots.thumbnails import SMALL
from glasskit_app.address import bind, written
from glasskit_app.main import checked_root_path
from glasskit_app.server import create_app
from glasskit_app.thumbnails import thumbnail_file
from tests.app.toys import made_up, painted, state_of

NAMES = ("50% off, a#b?", 'it\'s "quoted" <b>', "née — 猫/b.json")


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(create_app(state_of(made_up(60)), "127.0.0.1", 7860))


@pytest.mark.parametrize(
    "path",
    [
        "/kit/map/scenes.json",
        "/kit/map/..%2f..%2fetc.json",
        "/kit/pictures/many/..%2f0.webp",
        "/kit/report/..%2f..%2fetc.html",
        "/kit/../app/server.py",
    ],
)
def test_nothing_is_handed_out_by_path(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", NAMES)
def test_any_name_works_in_every_address(name: str, tmp_path: Path) -> None:
    client = TestClient(create_app(state_of(painted(tmp_path, 4, name)), "127.0.0.1", 7860))
    data = client.get(f"/kit/map/{quote(name, safe='')}.json").json()  # as encodeURIComponent does
    assert data["key"][0] == "p0.png"
    for end in ("3.webp", "3.webp?small=1"):
        answer = client.get(f"/{data['pictures']}{end}")
        assert answer.headers["content-type"] == "image/webp"


def test_pictures_are_drawn_once_and_trouble_is_one_line(tmp_path: Path) -> None:
    maps = painted(tmp_path, 6)
    client = TestClient(create_app(state_of(maps), "127.0.0.1", 7860))
    for _ in range(2):  # drawn, and then kept
        assert client.get("/kit/pictures/painted/3.webp").content[8:12] == b"WEBP"
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["3.webp"]
    assert client.get("/kit/pictures/painted/6.webp").status_code == 404
    (tmp_path / "pictures" / "p4.png").write_bytes(b"no picture")
    broken = client.get("/kit/pictures/painted/4.webp?small=1")
    assert broken.status_code == 404
    assert "p4.png" in broken.json()["error"]


def test_small_pictures_are_cut_square_and_large_ones_scaled(tmp_path: Path) -> None:
    maps = painted(tmp_path, 1)
    with Image.open(thumbnail_file(maps.thumbnails, maps.dataset, 0)) as large:
        assert large.size == (480, 360)
    with Image.open(thumbnail_file(maps.thumbnails, maps.dataset, 0, small=True)) as small:
        assert small.size == (SMALL, SMALL)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"can't be written"):
        thumbnail_file(tmp_path / "file" / "kept", maps.dataset, 0)


def test_two_data_sets_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="two data sets are named 'many'"):
        state_of(made_up(4), made_up(5))


@pytest.mark.parametrize("leaves", [False, True])
@pytest.mark.parametrize("path", ["/glass-kit", "/kit"])
def test_behind_a_proxy(path: str, leaves: bool) -> None:
    """Whether the proxy takes its path away from an address or leaves it there; its path may be
    the beginning of our own addresses."""
    app, prefix = create_app(state_of(made_up(60)), "127.0.0.1", 7860, path), path * leaves
    with TestClient(app) as client:
        assert client.get(f"{prefix}/").status_code == 200
        assert client.get(f"{prefix}/kit/scripts.js").status_code == 200
        assert client.get(f"{prefix}/kit/map/many.json").status_code == 200
        assert client.get(f"{prefix}/config").json()["root"].endswith(path)
        assert client.get(f"{prefix}/gradio_api/info").status_code == 200


def test_root_paths() -> None:
    given = ("/", "glass-kit", "/a/b/", "https://example.org/glass-kit/")
    kept = ["", "/glass-kit", "/a/b", "https://example.org/glass-kit"]
    assert list(map(checked_root_path, given)) == kept


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
