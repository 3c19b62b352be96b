"""Where pages are answered: the port, and the certificate."""

import socket
import ssl
from datetime import UTC, datetime

from cryptography import x509

from oddflow.files import reason_of
from oddflow.server.doctor.findings import Findings
from oddflow.server.doctor.sources import try_port
from oddflow.server.settings.address import host_and_port, is_loopback
from oddflow.server.settings.settings import WebSection

SOON_DAYS = 14


def examine_web(web: WebSection, findings: Findings, *, runs: bool) -> None:
    """The port, whether others can listen in, and the certificate; both files are read before rights are given up."""
    try:
        try_port(web.listen, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        if runs:
            findings.well("web", f"{web.listen} is in use, by the service that runs")
        else:
            findings.fault("web", f"{web.listen} cannot be listened to: {reason_of(error)}", "choose another address")
    else:
        findings.well("web", f"{web.listen} can be listened to")
    if web.tls_certificate is None and not is_loopback(host_and_port(web.listen)[0]):
        if web.allow_plain:
            findings.warn("web", "passwords go over the network as they are", "let a proxy with TLS stand before it")
        else:
            findings.fault(
                "web",
                f"{web.listen} is no loopback address, and there is no TLS",
                "name tls_certificate and tls_key, or listen on 127.0.0.1 behind a proxy, or set allow_plain",
            )
    if web.tls_certificate is not None:
        _certificate(web, findings)


def _certificate(web: WebSection, findings: Findings) -> None:
    assert web.tls_certificate is not None  # noqa: S101
    assert web.tls_key is not None  # noqa: S101  (the settings have both or neither)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(web.tls_certificate, web.tls_key, password=_no_password)
        leaf = x509.load_pem_x509_certificate(web.tls_certificate.read_bytes())
    except ssl.SSLError as error:
        why = "the key does not belong to the certificate" if "MISMATCH" in str(error.reason) else "no PEM, or locked"
        findings.fault(
            "web", f"{web.tls_certificate} and {web.tls_key}: {why}", "give a certificate and its key in PEM, unlocked"
        )
        return
    except (OSError, ValueError) as error:
        findings.fault("web", f"{web.tls_certificate} and {web.tls_key}: {reason_of(error)}", "check both paths")
        return
    if web.tls_key.stat().st_mode & 0o007:
        findings.warn("web", f"others may read the key {web.tls_key}", f"chmod o= {web.tls_key}")
    left = leaf.not_valid_after_utc - datetime.now(UTC)
    until = f"{leaf.not_valid_after_utc:%Y-%m-%d}"
    if left.total_seconds() <= 0:
        findings.fault("web", f"the certificate ended on {until}", "renew it")
    elif leaf.not_valid_before_utc > datetime.now(UTC):
        findings.fault("web", f"the certificate begins on {leaf.not_valid_before_utc:%Y-%m-%d}", "check the clock")
    elif left.days < SOON_DAYS:
        findings.warn("web", f"the certificate ends on {until}", "renew it")
    else:
        findings.well("web", f"the certificate and its key fit, until {until}")


def _no_password() -> str:
    """A key that is locked is refused, not asked about."""
    return ""
