"""What a model saw of an alert's flow, read anew from the capture: for alerts that do not hold it."""

from collections.abc import Sequence

import numpy as np

from oddflow.errors import UsageError
from oddflow.features.columns import integers
from oddflow.features.ordering import in_end_order
from oddflow.features.scored import scored
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.source import Fingerprint, Source, name_of, read_flows
from oddflow.losses import Ledger
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.prepared import Prepared

_CUT_NS = 1_000
"""Times in alerts are cut to µs."""


def row_in(sources: Sequence[Source], alert: Alert, model: SealedModel, privacy: Privacy = OPEN) -> Floats:
    """The feature row of an alert's flow, (d,).

    Args:
        sources: Captures or flow tables, as `arrange` gives them.
        alert: Which flow, by its ends and its first packet's time.
        model: Says how flows are cut and seen.
        privacy: What the flows were under when the alert was made.

    Raises:
        UsageError: The flow is in none of them.
        InputError: A source cannot be used.
    """
    prepared = Prepared.of(model.manifest, privacy)
    representation = prepared.representation(model)
    model.check_features(representation.features)
    ends = {"src_ip": alert.src_ip, "dst_ip": alert.dst_ip}
    numbers = {"src_port": alert.src_port, "dst_port": alert.dst_port, "protocol": alert.protocol}
    ledger = Ledger()
    for source in sources:
        representation.begin()
        flows = read_flows(
            source,
            ledger,
            settings=prepared.settings,
            seen=Fingerprint(name_of(source), hashed=False),
            privacy=prepared.privacy,
            companion=representation.companion,
        )
        for batch in in_end_order(scored(flows, arp=representation.has_arp), wait_s=prepared.settings.longest_wait_s):
            rows = representation.rows(batch)
            is_it = np.abs(integers(batch, "start") - alert.start_ns) < _CUT_NS
            for name, number in numbers.items():
                is_it &= integers(batch, name) == number
            for place in np.flatnonzero(is_it):
                if all(batch.column(name)[int(place)].as_py() == address for name, address in ends.items()):
                    return np.asarray(rows[place], np.float32)
    named = ", ".join(name_of(source) for source in sources)
    raise UsageError(f"the flow of alert {alert.id} is not in {named}; name the capture that the alert is from")
