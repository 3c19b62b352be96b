"""Countries, from a database written here."""

import pytest

from oddflow.enrichment.geoip import Countries
from oddflow.errors import InputError, Unreadable
from tests.enrichment.mmdb import database

pytest.importorskip("maxminddb")


@pytest.fixture(scope="module")
def countries(tmp_path_factory):
    path = tmp_path_factory.mktemp("geoip") / "country.mmdb"
    path.write_bytes(
        database(
            {
                "1.1.1.0/24": {"country": {"iso_code": "AU"}},
                "2.0.0.0/8": {"registered_country": {"iso_code": "FR"}},
                "3.0.0.0/8": {"country": {"iso_code": "<script>"}},
                "4.0.0.0/8": {"country": "US"},
                "10.0.0.0/8": {"country": {"iso_code": "XX"}},
                "2a00::/12": {"country": {"iso_code": "DE"}},
            }
        )
    )
    return Countries(str(path))


@pytest.mark.parametrize(
    ("address", "country"),
    [("1.1.1.77", "AU"), ("2.9.9.9", "FR"), ("3.1.1.1", ""), ("4.1.1.1", ""), ("10.0.0.1", ""), ("2a00::1", "DE"),
     ("9.9.9.9", ""), ("arp", ""), ("", "")],
)  # fmt: skip
def test_a_country_is_two_letters_or_nothing(countries, address, country):
    assert countries.of(address) == country


@pytest.mark.parametrize("content", [b"", b"a letter", b"\xab\xcd\xefMaxMind.com", b"\xab\xcd\xefMaxMind.com\xe0" * 9])
def test_what_is_no_database_is_refused(tmp_path, content):
    (tmp_path / "x.mmdb").write_bytes(content)
    with pytest.raises(InputError, match="no database"):
        Countries(str(tmp_path / "x.mmdb"))


def test_a_database_that_is_not_there_is_unreadable(tmp_path):
    with pytest.raises(Unreadable):
        Countries(str(tmp_path / "x.mmdb"))


def test_a_cut_database_gives_no_country_and_no_error(tmp_path):
    whole = database({"1.1.1.0/24": {"country": {"iso_code": "AU"}}})
    for at in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[at] ^= 0xFF
        (tmp_path / "x.mmdb").write_bytes(changed)
        try:
            found = Countries(str(tmp_path / "x.mmdb")).of("1.1.1.1")
        except InputError:
            continue
        assert found in {"", "AU"} or len(found) == 2
