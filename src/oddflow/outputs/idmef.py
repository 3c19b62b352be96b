"""IDMEF version 2 in JSON. Source: draft-lehmann-idmefv2-04 (message version 2.D.V04)."""

import uuid
from typing import Any

from oddflow.outputs.notice import Notice, Severity, is_address
from oddflow.schema import AttackCategory
from oddflow.verdicts.alert import utc

VERSION = "2.D.V04"
NAMESPACE = uuid.UUID("6f64646e-666c-5f77-8d65-662d76320000")
CATEGORIES = {
    AttackCategory.DOS: "Availability.DoS",
    AttackCategory.PROBE: "Recon.Scanning",
    AttackCategory.R2L: "Intrusion.UserCompromise",
    AttackCategory.U2R: "Intrusion.AdminCompromise",
    AttackCategory.BOTNET: "Malicious.Botnet",
    AttackCategory.EXFILTRATION: "Information.UnauthorizedAccess",
    AttackCategory.TUNNEL: "Information.UnauthorizedAccess",
    AttackCategory.WEB: "Attempt.Exploit",
    AttackCategory.BRUTE_FORCE: "Attempt.Login",
}
UNKNOWN_CATEGORY = "Other.Undetermined"
PRIORITIES = {Severity.LOW: "Low", Severity.MEDIUM: "Medium", Severity.HIGH: "High"}


def idmef(notice: Notice) -> dict[str, Any]:
    """The notice as a message; its ID is made of the notice's, so that it is the same when it is told again."""
    known = {category.value: name for category, name in CATEGORIES.items()}
    record: dict[str, Any] = {
        "Version": VERSION,
        "ID": str(uuid.uuid5(NAMESPACE, notice.id)),
        "AltNames": [notice.id],
        "CreateTime": utc(notice.end_ns),
        "StartTime": utc(notice.start_ns),
        "EndTime": utc(notice.end_ns),
        "Category": [known.get(notice.category, UNKNOWN_CATEGORY)],
        "Priority": PRIORITIES[notice.severity],
        "Description": "; ".join(dict.fromkeys((notice.title, *notice.reasons))),
        "Analyzer": {
            "IP": "127.0.0.1",  # required, and what analyses may have many or none
            "Name": "oddflow",
            "Model": "Oddflow",
            "Type": "Cyber",
            "Category": ["NIDS"],
            "Data": ["Flow"],
            "Method": ["AI"],
        },
    }
    if notice.category:
        record["Confidence"] = round(notice.probability, 4)
    if notice.alert_ids:
        record["CorrelID"] = [str(uuid.uuid5(NAMESPACE, alert)) for alert in notice.alert_ids]
    ends = {
        "Source": (notice.src_ip, notice.src_port, notice.src_name),
        "Target": (notice.dst_ip, notice.dst_port, notice.dst_name),
    }
    for role, (address, port, name) in ends.items():
        if is_address(address):
            record[role] = [
                {"IP": address, "Protocol": [notice.transport.upper()]}
                | ({"Port": [port]} if port else {})
                | ({"Hostname": name} if name else {})
            ]
    if not notice.src_ip and notice.hosts:
        record["Source"] = [{"IP": host} for host in notice.hosts if is_address(host)]
    return record
