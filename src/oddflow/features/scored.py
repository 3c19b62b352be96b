"""Which records are scored: final ones, and of IP flows alone unless the features speak of ARP, too."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc


def scored(batches: Iterable[pa.RecordBatch], *, arp: bool = False) -> Iterator[pa.RecordBatch]:
    """Batches without early records, whose final ones follow, and, unless it is asked for, without ARP."""
    for batch in batches:
        is_early = pc.fill_null(batch.column("is_early"), False)
        is_arp = pc.fill_null(pc.equal(batch.column("ip_version"), 0), False)
        unwanted = is_early if arp else pc.or_(is_early, is_arp)
        kept = batch.filter(pc.invert(unwanted)) if pc.any(unwanted).as_py() else batch
        if kept.num_rows:
            yield kept
