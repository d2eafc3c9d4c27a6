"""The address that the world reaches a service at, as browsers and sign-ins name it."""

from pathlib import Path

import pytest

from api.errors import UsageError
from api.service.settings import ServiceSettings


@pytest.mark.parametrize(
    ("said", "site", "domain"),
    [
        ("https://music.example", "https://music.example", "music.example"),
        ("https://Music.Example:443/", "https://music.example", "music.example"),
        ("http://music.example:80", "http://music.example", "music.example"),
        ("https://music.example:8443", "https://music.example:8443", "music.example:8443"),
        ("http://[::1]:8750", "http://[::1]:8750", "[::1]:8750"),
        ("http://127.0.0.1:8750", "http://127.0.0.1:8750", "127.0.0.1:8750"),
    ],
)
def test_a_site_is_written_as_browsers_write_it(tmp_path: Path, said: str, site: str, domain: str) -> None:
    settings = ServiceSettings.from_environ({"STEMMATA_SITE": said}, tmp_path)
    assert (settings.site, settings.domain, settings.secure) == (site, domain, site.startswith("https"))


@pytest.mark.parametrize(
    "said",
    [
        "music.example",
        "ftp://music.example",
        "https://",
        "https://music.example/here",
        "https://music.example?a",
        "https://music.example#a",
        "https://me@music.example",
        "https://music.example:port",
        "https://music.example:99999",
        "https://[::1",
        "https://m\u00fasica.example",
    ],
)
def test_what_is_no_site_is_refused(tmp_path: Path, said: str) -> None:
    with pytest.raises(UsageError, match="STEMMATA_SITE"):
        ServiceSettings.from_environ({"STEMMATA_SITE": said}, tmp_path)
