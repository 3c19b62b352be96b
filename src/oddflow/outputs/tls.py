"""TLS as all transports use it: version 1.2 or newer, the receiver's certificate and name are always checked."""

import ssl

from oddflow.errors import UsageError
from oddflow.files import reason_of
from oddflow.outputs.address import Address


def context_for(address: Address) -> ssl.SSLContext:
    """Trusts the system's authorities, or those in the file that `ca` names; shows `cert` with `key` where given.

    Raises:
        UsageError: A file cannot be read, or holds no certificate.
    """
    ca = address.options.get("ca")
    try:
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate := address.options.get("cert"):
            context.load_cert_chain(certificate, address.options.get("key"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{address.name}: a certificate cannot be read: {reason_of(error)}; check ca, cert, key"
        ) from None
    return context
