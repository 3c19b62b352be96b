"""Lists as people keep them, and as they break."""

import json

import pytest

from oddflow.enrichment.indicators import MOST_FILES, Indicators
from oddflow.errors import InputError, Unreadable

JA4 = "t13d1516h2_8daaf6152771_b186095e22b6"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plain.txt").write_text(
        "# a list\n\n203.0.113.9 # Feodo\n198.51.100.0/24\n*.evil.example\nNot-an-Indicator!\n; a remark\n"
        f"2001:db8::/32\n{JA4} # a tool\n0.0.0.0/0\ncom\n"
    )
    (tmp_path / "table.csv").write_text(
        '# made today\nfirst_seen,ip,port,malware\n2026-01-01,"192.0.2.77",443,QakBot C2\n"x","y"\n'
    )
    pattern = "[ipv4-addr:value = '192.0.2.88' OR domain-name:value = 'bad.example']"
    objects = [
        {"type": "indicator", "name": "APT 99", "pattern": pattern},
        {"type": "indicator", "name": "old", "revoked": True, "pattern": "[ipv4-addr:value = '192.0.2.89']"},
        {"type": "indicator", "pattern": "[file:hashes.MD5 = 'x']"},
        {"type": "identity"},
        7,
    ]
    (tmp_path / "apt.json").write_text(json.dumps({"type": "bundle", "objects": objects}))
    (tmp_path / "README.md").write_text("203.0.113.200")
    return tmp_path


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("203.0.113.9", "203.0.113.9 is in the list plain.txt: Feodo"),
        ("198.51.100.200", "198.51.100.200 is in the list plain.txt"),
        ("2001:db8:1::1", "2001:db8:1::1 is in the list plain.txt"),
        ("192.0.2.77", "192.0.2.77 is in the list table.csv: QakBot C2"),
        ("192.0.2.88", "192.0.2.88 is in the list apt.json: APT 99"),
        ("192.0.2.89", None),
        ("203.0.113.200", None),
        ("8.8.8.8", None),
        ("arp", None),
    ],
)
def test_addresses_are_found(folder, address, told):
    entry = Indicators.read(str(folder)).of_address(address)
    assert (entry.told(address) if entry else None) == told


@pytest.mark.parametrize(
    ("name", "is_found"),
    [("evil.example", True), ("a.b.EVIL.example.", True), ("notevil.example", False), ("bad.example", True),
     ("example", False), ("x.com", False), ("", False)],
)  # fmt: skip
def test_names_are_found_with_all_below_them(folder, name, is_found):
    assert bool(Indicators.read(str(folder)).of_name(name)) is is_found


def test_fingerprints_are_found(folder):
    assert Indicators.read(str(folder)).of_ja4(JA4).note == "a tool"


def test_what_is_not_understood_is_counted(folder):
    found = Indicators.read(str(folder))
    assert (found.count, found.files, found.not_understood, found.too_broad) == (8, 3, 5, 1)
    assert "5 lines not understood" in found.remarks()[0]


def test_memory_is_bounded(folder):
    found = Indicators.read(str(folder), most=3)
    assert (found.count, found.left_out) == (3, 5)


def test_lists_say_nothing_that_a_terminal_obeys(tmp_path):
    (tmp_path / "x\x1b.txt").write_text("192.0.2.1 # a\x1b[2Jb\u202ec " + "y" * 500)
    told = Indicators.read(str(tmp_path)).of_address("192.0.2.1").told("192.0.2.1")
    assert told.isprintable()
    assert len(told) < 300


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [("a.json", b"{", InputError), ("a.json", b"[]", InputError), ("a.json", b"[" * 100_000, InputError),
     ("a.json", b"\xff\xfe", InputError), ("a.csv", b'"' + b"x" * 300_000, InputError)],
)  # fmt: skip
def test_a_broken_list_is_named(tmp_path, name, content, error):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=name):
        Indicators.read(str(tmp_path))


def test_bytes_that_are_no_text_are_lines_that_are_not_understood(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00\n" + b"x" * 100_000 + b"\n192.0.2.1\n")
    found = Indicators.read(str(tmp_path))
    assert found.of_address("192.0.2.1")
    assert found.not_understood > 1


def test_a_folder_without_lists_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"1 to {MOST_FILES:,}"):
        Indicators.read(str(tmp_path))
    with pytest.raises(Unreadable):
        Indicators.read(str(tmp_path / "none"))
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(InputError, match="no file"):
        Indicators.read(str(tmp_path))
