"""How the service is listened to: TLS, and what plain HTTP is allowed for."""

import os
import ssl
from pathlib import Path

from oddflow.errors import UsageError
from oddflow.files import reason_of
from oddflow.server.settings.address import host_and_port, is_loopback
from oddflow.server.settings.settings import WebSection


def check_listen(web: WebSection) -> None:
    """Refuses to answer over plain HTTP where others could listen in.

    Raises:
        UsageError: The address is not loopback, there is no certificate, and plain HTTP was not allowed.
    """
    host, _ = host_and_port(web.listen)
    if web.tls_certificate is None and not web.allow_plain and not is_loopback(host):
        raise UsageError(
            f"[web] listen: {web.listen} can be reached from outside, and passwords would cross the network in plain "
            "text; give tls_certificate and tls_key, or listen on 127.0.0.1 behind a proxy that speaks TLS, or say "
            "allow_plain = true"
        )


def server_context(web: WebSection) -> ssl.SSLContext | None:
    """TLS 1.2 or later with the certificate of the settings; None where plain HTTP is spoken.

    Call it before privileges are given up: the key is often readable for root alone.

    Raises:
        UsageError: A file cannot be read, the two do not belong together, or everybody may read the key.
    """
    check_listen(web)
    if web.tls_certificate is None or web.tls_key is None:
        return None
    _check_key(web.tls_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # of TLS 1.2 only what has forward secrecy and authenticates what it encrypts (RFC 9325, 4.2)
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    try:
        context.load_cert_chain(web.tls_certificate, web.tls_key, password=_no_password)
    except ssl.SSLError as error:
        raise UsageError(
            f"[web] {web.tls_certificate} and {web.tls_key} are no certificate and its key in PEM without a password: "
            f"{error.reason or error}"
        ) from None
    except OSError as error:
        raise UsageError(f"[web] tls_certificate: {web.tls_certificate}: {reason_of(error)}") from None
    return context


def _check_key(path: Path) -> None:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except OSError as error:
        raise UsageError(f"[web] tls_key: {path}: {reason_of(error)}") from None
    if mode & 0o007:
        raise UsageError(f"[web] tls_key: everybody may read or change {path}; take that away: chmod o= {path}")


def _no_password() -> str:
    return ""
