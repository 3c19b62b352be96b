"""The settings file: what it may say, and what is told of one that is wrong."""

from pathlib import Path

import pytest

from oddflow.errors import OddflowError, Unreadable, UsageError
from oddflow.server.settings.read import MOST_BYTES, read, read_settings
from oddflow.server.settings.settings import Settings

SOURCE = '[[sources]]\nname = "office"\ninterface = "eth0"\n'


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "oddflow.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_an_empty_file_means_all_defaults(written):
    assert read(written("")).settings == Settings()


def test_every_kind_of_source_is_read(written):
    places = {"interface": "eth0", "netflow": "[::]:2055", "follow": "conn.log", "folder": "in", "stream": "flows"}
    text = "".join(f'[[sources]]\nname = "{kind}"\n{kind} = "{where}"\n' for kind, where in places.items())
    read_sources = read_settings(written(f'[stream]\nbrokers = "a:9092,[::1]:9092"\n{text}')).sources
    assert [source.kind for source in read_sources] == list(places)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[web]\nlisten = "x"', ["[web] listen: expected HOST:PORT, like 127.0.0.1:8470", 'got "x"']),
        ('[web]\nlisten = ":80"', ["expected HOST:PORT"]),
        ('[web]\nlisten = "a:65536"', ["a port from 1 to 65,535"]),
        ('[web]\nlisen = "x"', ['[web]: unknown key "lisen"; do you mean listen?']),
        ("[wep]\na = 1", ["unknown section [wep]; do you mean web?"]),
        ('listen = "x"', ['"listen" stands outside all sections; it belongs under [web]']),
        ("keep_days = 3", ["it belongs under [flows] or [uploads]"]),
        ("[flows]\nkeep_days = true", ["[flows] keep_days: expected a whole number from 1 to 36,500; got true"]),
        ('[flows]\nkeep_days = "30"', ['expected a whole number from 1 to 36,500; got "30"']),
        ("[web]\nsession_hours = inf", ["session_hours: expected a number above 0 and up to 2,160"]),
        ('[log]\nlevel = "loud"', ['[log] level: expected one of "debug", "info", "warning", "error"; got "loud"']),
        ('[[sources]]\ninterface = "e"', ["[[sources]] number 1: name is missing; expected lower-case letters"]),
        (
            '[[sources]]\nname = "a"',
            ["number 1 (a): name one of interface, netflow, follow, folder, stream; 0 are given"],
        ),
        (SOURCE + SOURCE, ["two sources are called office; give each its own name"]),
        (SOURCE + 'budget = "some"', ["[[sources]] number 1 (office): the budget is 'some'; expected a number"]),
        (SOURCE + 'netflow = "a:1"', ["2 are given"]),
        (SOURCE + 'ship = "flows"', ["source office needs [stream] brokers, like kafka1:9092,kafka2:9092"]),
        (SOURCE + 'ship = "fl/ows"', ["ship: expected letters, digits, dots, dashes and underscores, 201 at most"]),
        (SOURCE + 'ship = "a"\npseudonymise = "k"', ["give pseudonymise to the replicas' source instead"]),
        ('[[sources]]\nname = "a"\nstream = "a"\nship = "b"', ["ships to a topic or reads one"]),
        ('[stream]\nbrokers = "a:1,b"', ["[stream] brokers: expected HOST:PORT", 'got "a:1,b"']),
        ('[stream]\nsecurity = "sasl_ssl"', ["user and password go with"]),
        ('[stream]\ncertificate = "c"', ["certificate and key go together"]),
        ("[stream]\npartitions = 0", ["partitions: expected a whole number from 1 to 1,024; got 0"]),
        (SOURCE + 'home_networks = ["10.0.0.0/33"]', ["home_networks: expected an address or a network"]),
        ('[sources]\nname = "a"', ["[[sources]]: expected keys in a section [[sources]]; got single brackets"]),
        ("web = 3", ["[web]: expected keys in a section [web]; got 3"]),
        (SOURCE.replace("office", "\\u001b[31m"), ["expected lower-case letters"]),
        ('[web]\ntls_key = "key.pem"', ["tls_certificate and tls_key go together"]),
        ('[web]\npublic_url = "ftp://x"', ["expected a URL like https://"]),
        ("[[outputs]]\nto = 1\n[[outputs]]\n", ["has 2 faults:", "number 1 to: expected a text", "number 2: to is"]),
        ("[[outputs]]\nto = ''\n" * 33, ["[[outputs]] is there 33 times; expected 32 at most"]),
        ("[web]\n=", ["is not TOML", "at line 2", "oddflow init -"]),
        (SOURCE + 'model = "a"\nmodel = "b"\n', ["a key is given twice (at line 5"]),
        ("a = " + "[" * 100_000, ["is not TOML"]),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_with_what_was_expected(written, text, words):
    path = written(text)
    with pytest.raises(UsageError) as refused:
        read(path)
    message = str(refused.value)
    assert message.startswith(str(path))
    assert [word for word in words if word not in message] == [], message
    assert all(c.isprintable() or c == "\n" for c in message)


def test_many_faults_are_told_up_to_a_number(written):
    with pytest.raises(UsageError, match=r"has 20 faults:(?s:.*)and 12 more"):
        read(written("[web]\n" + "".join(f"nonsense{number} = 1\n" for number in range(20))))


def test_a_missing_file_and_a_folder_and_a_huge_one_are_refused(tmp_path, written):
    with pytest.raises(Unreadable, match="oddflow init"):
        read(tmp_path / "none.toml")
    with pytest.raises(Unreadable, match="EISDIR"):
        read(tmp_path)
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        read(written("#" * (MOST_BYTES + 1)))
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is not TOML"):
        read(path)


def test_relative_paths_are_relative_to_the_file(written, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    settings = read(
        written(
            '[service]\nstate = "state"\n[models]\ntrust = ["a.pub", "/b.pub"]\n[enrichment]\ngeoip = "c.mmdb"\n'
            '[[sources]]\nname = "a"\nfollow = "conn.log"\nmodel = "models/office.oddflow"\n'
            '[[sources]]\nname = "b"\nfolder = "/in"\nmodel = "office@3"\n'
        )
    ).settings
    assert settings.service.state == tmp_path / "state"
    assert settings.models.trust == [tmp_path / "a.pub", Path("/b.pub")]
    assert settings.enrichment.geoip == tmp_path / "c.mmdb"
    assert [source.where for source in settings.sources] == [str(tmp_path / "conn.log"), "/in"]
    assert [source.model for source in settings.sources] == [str(tmp_path / "models/office.oddflow"), "office@3"]


def test_a_secret_is_fetched_from_where_the_file_says_and_shown_nowhere(written, tmp_path, monkeypatch):
    monkeypatch.setenv("ODDFLOW_TEST_SECRET", "hunter2")
    (tmp_path / "password").write_text("hunter3\n")
    for reference, secret in (("env:ODDFLOW_TEST_SECRET", "hunter2"), ("file:password", "hunter3")):
        text = f'password = "{reference}"\n'
        settings = read(written(f'[store]\n{text}[stream]\nsecurity = "sasl_ssl"\nuser = "a"\n{text}')).settings
        assert settings.store.password.get_secret_value() == secret
        assert settings.stream.password.get_secret_value() == secret
        assert secret not in repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('password = "hunter2"', "holds the secret itself"),
        ('password = "env:ODDFLOW_NOT_SET"', "empty or not set"),
        ('password = "file:nowhere"', "cannot be read"),
        ('url = "postgresql://me:hunter2@db/x"', "url holds a password"),
        ("password = 2222", "expected env:NAME or file:PATH"),
    ],
)
def test_a_secret_that_is_not_where_it_belongs_is_refused_unseen(written, text, words):
    with pytest.raises(OddflowError, match=words) as refused:
        read(written(f"[store]\n{text}"))
    assert "hunter2" not in str(refused.value)
    assert "2222" not in str(refused.value)
