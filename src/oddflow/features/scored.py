"""Which records are scored: final ones of IP flows."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc


def scored(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches without early records, whose final ones follow, and without ARP, of which no feature speaks."""
    for batch in batches:
        is_early = pc.fill_null(batch.column("is_early"), False)
        is_arp = pc.fill_null(pc.equal(batch.column("ip_version"), 0), False)
        unwanted = pc.or_(is_early, is_arp)
        kept = batch.filter(pc.invert(unwanted)) if pc.any(unwanted).as_py() else batch
        if kept.num_rows:
            yield kept
