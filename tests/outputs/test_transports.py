"""Each transport against a real receiver."""

import csv
import hashlib
import hmac
import json
import re
import socket
import threading

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from oddflow.errors import OutputError, UsageError
from oddflow.outputs import comma, to_mail, to_syslog, to_webhook, transport
from oddflow.outputs.address import Address
from oddflow.outputs.outputs import transport_for
from oddflow.outputs.transport import NotDelivered, Refused
from tests.outputs.make import HOSTILE, NASTY, messages
from tests.outputs.receivers import Certificates, Hook, SyslogServer, until


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def hurried(monkeypatch):
    """Receivers that do not answer are given up soon."""
    for module in (transport, to_webhook, to_syslog, to_mail):
        monkeypatch.setattr(module, "TIMEOUT_S", 0.4)


def reaching(url):
    return transport_for(Address.parse(url))


SYSLOG = re.compile(
    rb"<(\d{1,3})>1 (\S+) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) "
    rb'(\[oddflow@32473(?: [a-z]+="(?:[^"\\\]]|\\["\\\]])*")*\]) \xef\xbb\xbf(.*)', re.DOTALL
)  # fmt: skip
"""RFC 5424, section 6."""


@pytest.mark.parametrize("is_secure", [False, True])
def test_syslog_over_tcp_and_tls_is_framed_by_octets(is_secure, certificates):
    with SyslogServer(certificates.context if is_secure else None) as server:
        scheme = f"syslog+tls://localhost:{server.port}?ca={certificates.ca}&" if is_secure else (
            f"syslog+tcp://localhost:{server.port}?"
        )  # fmt: skip
        sender = reaching(f"{scheme}format=cef")
        sender.send(messages(3, "cef"))
        sender.send(messages(1, "cef", rarity=HOSTILE))
        until(lambda: len(server.messages) == 4)
        sender.close()
    assert server.connections == 1
    for number, text in enumerate(server.messages[:3], start=1):
        found = SYSLOG.fullmatch(text)
        assert found[1] == b"133"  # local0, notice
        assert f'id="{number:012x}"'.encode() in found[7]
        assert found[8].startswith(b"CEF:0|")


def test_syslog_escapes_and_stays_on_one_line():
    from oddflow.outputs.formats import FORMATS  # noqa: PLC0415

    text = to_syslog.syslog_message(FORMATS["text"].message(NASTY), "a host\n")
    found = SYSLOG.fullmatch(text)
    assert found[3] == b"a-host-"
    assert b"\n" not in text


def test_syslog_over_tls_refuses_a_certificate_of_nobody(certificates):
    with SyslogServer(certificates.context) as server:
        with pytest.raises(NotDelivered, match="certificate"):
            reaching(f"syslog+tls://localhost:{server.port}").send(messages(1))
        with pytest.raises(NotDelivered, match="certificate"):
            reaching(f"syslog+tls://127.0.0.1:{server.port}?ca={certificates.ca}").send(messages(1))
    assert server.messages == []


def test_syslog_over_tcp_goes_on_with_a_new_connection():
    with SyslogServer(drops=1) as server:
        sender = reaching(f"syslog+tcp://127.0.0.1:{server.port}")

        def told():
            try:
                sender.send(messages(1))
            except NotDelivered:
                return False
            return bool(server.messages)

        until(told)
        sender.close()


def test_syslog_over_udp_cuts_what_no_receiver_must_take():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        sender = reaching(f"syslog+udp://127.0.0.1:{server.getsockname()[1]}?format=json")
        sender.send(messages(1, lengths=(1,) * 9_000))
        found = SYSLOG.fullmatch(server.recv(65_536))
        sender.close()
    assert b'id="000000000001"' in found[7]
    assert len(found[0]) <= to_syslog.LONGEST_DATAGRAM


def test_a_webhook_is_signed_and_its_own_query_is_kept(monkeypatch):
    monkeypatch.setenv("HOOK", "s3cret")
    monkeypatch.setenv("TOKEN", "t0ken")
    with Hook() as server:
        sender = reaching(f"http://127.0.0.1:{server.server_port}/in?team=a#secret=env:HOOK&token=env:TOKEN&format=ecs")
        sender.send(messages(2, "ecs"))
        sender.close()
    assert server.taken == ["000000000001", "000000000002"]
    path, headers, body = server.requests[0]
    expected = hmac.new(b"s3cret", headers["X-Oddflow-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert path == "/in?team=a"
    assert headers["X-Oddflow-Signature"] == f"sha256={expected}"
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body)["event"]["id"] == "000000000001"


def test_a_webhook_over_tls(certificates):
    with Hook(context=certificates.context) as server:
        sender = reaching(f"https://localhost:{server.server_port}/#ca={certificates.ca}")
        sender.send(messages(1))
        sender.close()
        with pytest.raises(NotDelivered, match="certificate"):
            reaching(f"https://localhost:{server.server_port}/").send(messages(1))
    assert len(server.taken) == 1


@pytest.mark.parametrize("behaviour", [500, 503, 429, 401, 404, 301, 307, "hang", "close", "drip"])
def test_a_webhook_that_does_not_take_it_is_asked_again_later(behaviour, hurried):
    with Hook(behaviour) as server:
        sender = reaching(f"http://127.0.0.1:{server.server_port}/")
        with pytest.raises(NotDelivered):
            sender.send(messages(1))
        sender.send(messages(1))
        sender.close()
    assert server.taken == ["000000000001"]
    assert server.requests[0][1]["Idempotency-Key"] == server.requests[1][1]["Idempotency-Key"]


@pytest.mark.parametrize("status", sorted(to_webhook.NEVER))
def test_a_webhook_that_will_never_take_it_says_so(status):
    with Hook(status) as server:
        sender = reaching(f"http://127.0.0.1:{server.server_port}/")
        with pytest.raises(Refused, match=str(status)):
            sender.send(messages(1))
        sender.close()


def test_nobody_listens(hurried):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/", f"syslog+tcp://127.0.0.1:{port}", f"smtp://127.0.0.1:{port}?from=a&to=b"):
        with pytest.raises(NotDelivered):
            reaching(url).send(messages(1))


class Box:
    """A mailbox; says no as often as it is told to."""

    def __init__(self):
        self.mails = []
        self.no = 0

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.no:
            self.no -= 1
            return "451 later"
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 taken"


@pytest.fixture
def box(certificates):
    box = Box()

    def authenticate(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"ann", b"pw"))

    controller = Controller(
        box, hostname="127.0.0.1", port=0, server_hostname="localhost", tls_context=certificates.context,
        require_starttls=True, authenticator=authenticate, auth_required=True,
    )  # fmt: skip
    # what Controller.start does, for a port that the system chooses
    controller.port = free_port()
    controller.start()
    box.port = controller.port
    yield box
    controller.stop()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_digest_is_one_mail_over_starttls(box, certificates, monkeypatch):
    monkeypatch.setenv("PW", "pw")
    url = f"smtp://ann@localhost:{box.port}?from=odd@x.example&to=soc@x.example&password=env:PW&ca={certificates.ca}"
    box.no = 1
    sender = reaching(url)
    with pytest.raises(NotDelivered, match="451"):
        sender.send(messages(150))
    sender.send(messages(150))
    ((sender_address, to, content),) = box.mails
    assert (sender_address, to) == ("odd@x.example", ["soc@x.example"])
    import email  # noqa: PLC0415
    from email import policy  # noqa: PLC0415

    mail = email.message_from_bytes(content, policy=policy.default)
    assert mail["Subject"] == "Oddflow: 150 odd things (150 low)"
    assert "and 50 more" in mail.get_body().get_content()
    (attached,) = mail.iter_attachments()
    lines = attached.get_content().decode().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [message.id for message in messages(150)]


def test_a_digest_is_not_sent_in_the_clear(box):
    with pytest.raises(NotDelivered, match="certificate"):
        reaching(f"smtp://localhost:{box.port}?from=a@x&to=b@x").send(messages(1))
    assert box.mails == []


@pytest.mark.parametrize(
    ("options", "why"),
    [("interval=0", "interval"), ("interval=soon", "interval"), ("tls=maybe", "tls"),
     ("tls=off&password=env:PW", "in the clear"), ("ca=/no/such/file", "certificate")],
)  # fmt: skip
def test_wrong_options_of_mail_are_named(options, why, monkeypatch):
    monkeypatch.setenv("PW", "pw")
    with pytest.raises(UsageError, match=why):
        reaching(f"smtp://ann@h?from=a@x&to=b@x&{options}")


def test_a_file_grows_and_a_cut_line_is_ended(tmp_path):
    path = tmp_path / "alerts.csv"
    path.write_text("half a li")
    sender = reaching(f"file:{path}?format=csv")
    sender.send(messages(2, "csv"))
    sender.close()
    assert path.read_text().startswith("half a li\n0000")
    assert path.read_text().count("\n") == 3


def test_a_new_csv_file_has_a_heading(tmp_path):
    path = tmp_path / "alerts.csv"
    for _ in range(2):
        sender = reaching(f"file:{path}?format=csv")
        sender.send(messages(1, "csv"))
        sender.close()
    rows = list(csv.reader(path.read_text().splitlines()))
    assert rows[0] == list(comma.COLUMNS)
    assert [row[0] for row in rows[1:]] == ["000000000001"] * 2


@pytest.mark.parametrize("path", ["{folder}", "{folder}/none/x", "/dev/null"])
def test_a_place_that_is_no_file_is_refused(path, tmp_path):
    with pytest.raises(OutputError):
        reaching(f"file:{path.format(folder=tmp_path)}")


def test_threads_of_webhooks_end():
    with Hook() as server:
        sender = reaching(f"http://127.0.0.1:{server.server_port}/")
        sender.send(messages(20))
        sender.close()
        until(lambda: not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)])
