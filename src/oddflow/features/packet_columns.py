"""What stands beside a flow that is judged by its worst packet; without kernels, so that others load quickly."""

VERSION = "incremental-1"
"""The kind of features, as models name it."""

PACKET, PACKET_CAPTURE, PACKET_IS_REVERSE, PACKET_ROW = (
    "worst_packet", "worst_packet_capture", "worst_packet_is_reverse", "worst_packet_row",
)  # fmt: skip
"""Columns beside those of the flow table: the number of the worst packet in its file, the file where several were read
as one, whether the responder sent it, and its features."""
