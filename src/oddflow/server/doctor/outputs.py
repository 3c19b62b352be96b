"""Receivers, and what is known of addresses: whether they are written as they must be, and can be read."""

import os
from collections.abc import Sequence
from pathlib import Path

from oddflow.amounts import count
from oddflow.enrichment.enrichment import Enrichment
from oddflow.errors import OddflowError
from oddflow.outputs.address import Address
from oddflow.outputs.outputs import OutputSettings
from oddflow.sensor.privileges import Account
from oddflow.server.doctor.findings import Findings
from oddflow.server.doctor.machine import may
from oddflow.server.settings.settings import EnrichmentSection, OutputSection

SECRETS = ("secret", "token", "password")
FILES = ("ca", "cert", "key")


def examine_outputs(outputs: Sequence[OutputSection], findings: Findings) -> None:
    """Each receiver's URL, its secrets and its files; nobody is called."""
    good = []
    for number, output in enumerate(outputs, 1):
        about = f"output {number}"
        try:
            asked = OutputSettings.of([output.to], None, output.limit_mib, 0.0)
            address = asked.addresses[0]
            for option in SECRETS:
                if option in address.options:
                    address.secret(option)
        except OddflowError as error:
            findings.fault(about, str(error).replace("--to ", "to: ", 1))
            continue
        if told := _missing(address):
            findings.fault(about, f"{address.name}: {told}", "check the path")
            continue
        findings.well(about, f"{address.name} can be tried; `oddflow send` sends a test")
        good.append(output.to)
    if len(good) > 1:
        try:
            OutputSettings.of(good, None, 1.0, 0.0)
        except OddflowError as error:
            findings.fault("outputs", str(error).replace("--to ", "", 1))


def _missing(address: Address) -> str:
    for option in FILES:
        if (path := address.options.get(option)) and not os.access(path, os.R_OK):
            return f"{option} {path} cannot be read"
    if address.scheme == "file" and not Path(address.path).absolute().parent.is_dir():
        return f"there is no folder {Path(address.path).absolute().parent}"
    return ""


def examine_enrichment(enrichment: EnrichmentSection, account: Account | None, findings: Findings) -> None:
    """Lists and the database of countries, read as the service will read them."""
    places = [str(path) for path in enrichment.intelligence]
    wanted = [(place, None) for place in places] + ([(None, str(enrichment.geoip))] if enrichment.geoip else [])
    read = 0
    for folder, database in wanted:
        try:
            Enrichment.of(folder, database, is_pseudonymised=False)
        except OddflowError as error:
            findings.fault("enrichment", str(error))
            continue
        if not may(account, os.R_OK, Path(folder or database or "")):
            who = account.name if account else "this user"
            findings.fault("enrichment", f"{who} may not read {folder or database}", "let it, as by chmod a+r")
            continue
        read += 1
    if read:
        findings.well("enrichment", f"{count(read, 'list')} and databases can be read")
