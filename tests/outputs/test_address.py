import pytest

from oddflow.errors import UsageError
from oddflow.outputs.address import Address
from oddflow.outputs.outputs import OutputSettings, format_of


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "name"),
    [
        ("file:a/b.eve?format=eve", "", 0, "a/b.eve", "file:a/b.eve"),
        ("file:///tmp/a%20b", "", 0, "/tmp/a b", "file:/tmp/a b"),
        ("syslog+tls://logs.example", "logs.example", 6514, "", "syslog+tls://logs.example:6514"),
        ("syslog+udp://[::1]:5514", "::1", 5514, "", "syslog+udp://::1:5514"),
        ("https://h/a?k=v#format=ecs", "h", 443, "/a?k=v", "https://h:443/a"),
        ("smtp://ann@m?from=a@x&to=b@x", "m", 587, "", "smtp://m:587"),
        ("kafka://a:9092,b:9093/odd.flows", "a:9092,b:9093", 9092, "odd.flows", "kafka://a:9092,b:9093/odd.flows"),
    ],
)
def test_a_url_is_taken_apart(url, host, port, path, name):
    address = Address.parse(url)
    assert (address.host, address.port, address.path, address.name) == (host, port, path, name)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "no transport"),
        ("alerts.eve", "no transport"),
        ("ftp://h/x", "no transport 'ftp'"),
        ("file:", "names no file"),
        ("file:x?form=eve", "no option 'form'"),
        ("file:x?format=eve&format=ecs", "given twice"),
        ("file:x?about=nothing", "about=incidents"),
        ("file:x?format", "expected options like"),
        ("file:x#format=eve", "follow a [?]"),
        ("syslog+tcp://", "names no host"),
        ("syslog+tcp://h:99999", "Port out of range"),
        ("https://ann:hush@h/", "holds a password"),
        ("https://h/#colour=red", "no option 'colour'"),
        ("smtp://h", "give from=ADDRESS"),
        ("kafka://h:9092", "names no topic"),
        ("kafka://h:9092/a/b", "names no topic"),
        ("smtp://h?from=a%0d%0aBcc:x&to=b", "control characters"),
        ("http://[bad", "expected a URL"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_is_shown(url, why):
    with pytest.raises(UsageError, match=why) as raised:
        Address.parse(url)
    assert "hush" not in str(raised.value)


def test_a_secret_comes_from_the_environment_or_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("HOOK", "s3cret")
    (tmp_path / "key").write_text("other\n")
    assert Address.parse("https://h/#secret=env:HOOK").secret("secret") == "s3cret"
    assert Address.parse(f"https://h/#secret=file:{tmp_path}/key").secret("secret") == "other"
    assert Address.parse("https://h/").secret("secret") == ""


@pytest.mark.parametrize("given", ["hush", "env:", "env:ODDFLOW_NO_SUCH", "file:/no/such/file", "file:/dev/null"])
def test_a_secret_that_is_none_is_refused(given):
    with pytest.raises(UsageError) as raised:
        Address.parse(f"https://h/#secret={given}").secret("secret")
    assert "hush" not in str(raised.value)


def test_queues_of_different_receivers_are_different_and_those_of_one_the_same():
    urls = [
        "https://h/a",
        "https://h/a?x=1",
        "https://h/b",
        "http://h/a",
        "https://h/a#format=ecs",
        "https://h/a#about=all",
        "file:a",
        "file:b",
    ]
    assert len({Address.parse(url).folder for url in urls}) == len(urls)
    with_secret = Address.parse("https://h/a#secret=env:X")
    assert with_secret.folder == Address.parse("https://h/a").folder


@pytest.mark.parametrize(
    ("urls", "why"),
    [
        (["file:x", "file:x"], "more than once"),
        (["file:x?format=xml"], "no format 'xml'"),
        (["file:x"] * 33, "33 times"),
    ],
)
def test_receivers_are_few_and_different(urls, why):
    with pytest.raises(UsageError, match=why):
        OutputSettings.of(urls, None, 1.0, 0.0)


def test_each_transport_has_a_usual_format():
    assert format_of(Address.parse("syslog+udp://h")).name == "text"
    assert format_of(Address.parse("file:x")).name == "json"
