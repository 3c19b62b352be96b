"""Tells what kind of talk a flow is, from its counts, sizes and times."""

import numpy as np

from oddflow.jit import kernel

UNNAMED = -1
FAILED, ONE_WAY, MEDIA, BEACON, BULK_DOWNLOAD, BULK_UPLOAD, LOOKUP, INTERACTIVE, REQUEST_RESPONSE = range(9)
PACKETS, PAYLOAD_PACKETS, PAYLOAD_BYTES, GAP_SUM_US, GAP_SQUARES_US2, WAY_FIELDS = 0, 1, 2, 3, 4, 5
"""What is known of a direction."""
(
    MEDIA_PACKETS, MEDIA_PER_S, MEDIA_LEAST_BYTES, MEDIA_MOST_BYTES, MEDIA_VARIATION,
    BEACON_PACKETS, BEACON_GAP_S, BEACON_VARIATION, BEACON_BYTES,
    BULK_BYTES, BULK_SHARE, BULK_MEAN_BYTES, LOOKUP_PACKETS, LOOKUP_BYTES,
    INTERACTIVE_PACKETS, INTERACTIVE_MEAN_BYTES, INTERACTIVE_GAP_S, THRESHOLDS,
) = range(18)  # fmt: skip
TCP, UDP = 6, 17


@kernel()
def gap_mean_s(way):
    """Mean gap between packets."""
    return way[GAP_SUM_US] / max(way[PACKETS] - 1, 1.0) / 1e6


@kernel()
def gap_variation(way):
    """Standard deviation of the gaps over their mean."""
    gaps = max(way[PACKETS] - 1, 1.0)
    mean_us = way[GAP_SUM_US] / gaps
    return np.sqrt(max(way[GAP_SQUARES_US2] / gaps - mean_us * mean_us, 0.0)) / max(mean_us, 1.0)


@kernel()
def mean_payload_bytes(way):
    """Payload of a packet that carries any."""
    return way[PAYLOAD_BYTES] / max(way[PAYLOAD_PACKETS], 1.0)


@kernel()
def is_media(way, limits):
    """Many packets of one size at one pace."""
    return (
        way[PAYLOAD_PACKETS] >= limits[MEDIA_PACKETS]
        and gap_mean_s(way) <= 1 / limits[MEDIA_PER_S]
        and limits[MEDIA_LEAST_BYTES] <= mean_payload_bytes(way) <= limits[MEDIA_MOST_BYTES]
        and gap_variation(way) <= limits[MEDIA_VARIATION]
    )


@kernel()
def is_beacon(way, limits):
    """Few bytes, seldom, at one pace."""
    return (
        way[PAYLOAD_PACKETS] >= limits[BEACON_PACKETS]
        and gap_mean_s(way) >= limits[BEACON_GAP_S]
        and gap_variation(way) <= limits[BEACON_VARIATION]
        and mean_payload_bytes(way) <= limits[BEACON_BYTES]
    )


@kernel()
def is_bulk(way, other, limits):
    """Many bytes, nearly all one way, in large packets."""
    return (
        way[PAYLOAD_BYTES] >= limits[BULK_BYTES]
        and way[PAYLOAD_BYTES] >= limits[BULK_SHARE] * (way[PAYLOAD_BYTES] + other[PAYLOAD_BYTES])
        and mean_payload_bytes(way) >= limits[BULK_MEAN_BYTES]
    )


@kernel()
def is_lookup(up, down, limits):
    """A few small packets either way."""
    return (
        up[PAYLOAD_PACKETS] <= limits[LOOKUP_PACKETS]
        and down[PAYLOAD_PACKETS] <= limits[LOOKUP_PACKETS]
        and up[PAYLOAD_BYTES] + down[PAYLOAD_BYTES] <= limits[LOOKUP_BYTES]
    )


@kernel()
def is_interactive(up, limits):
    """Many small packets at the pace of a person."""
    return (
        up[PAYLOAD_PACKETS] >= limits[INTERACTIVE_PACKETS]
        and mean_payload_bytes(up) <= limits[INTERACTIVE_MEAN_BYTES]
        and gap_mean_s(up) >= limits[INTERACTIVE_GAP_S]
    )


@kernel()
def talk_of(protocol, up, down, limits):
    """The first kind that fits, or UNNAMED of a flow without packets."""
    if protocol == TCP and up[PAYLOAD_PACKETS] + down[PAYLOAD_PACKETS] == 0:
        return FAILED
    if down[PACKETS] == 0 and up[PAYLOAD_PACKETS] < limits[BEACON_PACKETS]:
        return ONE_WAY
    if protocol == UDP and (is_media(up, limits) or is_media(down, limits)):
        return MEDIA
    if is_beacon(up, limits):
        return BEACON
    if is_bulk(down, up, limits):
        return BULK_DOWNLOAD
    if is_bulk(up, down, limits):
        return BULK_UPLOAD
    if is_lookup(up, down, limits):
        return LOOKUP
    if is_interactive(up, limits):
        return INTERACTIVE
    if down[PACKETS] > 0:
        return REQUEST_RESPONSE
    return ONE_WAY if up[PACKETS] > 0 else UNNAMED


@kernel("void(u1[::1], f8[:, :, ::1], f8[::1], i2[::1])")
def name_talks(protocols, ways, limits, names):
    """Names n flows: ways (2, WAY_FIELDS, n), forward and reverse; limits (THRESHOLDS,)."""
    for i in range(protocols.shape[0]):
        names[i] = talk_of(protocols[i], ways[0, :, i], ways[1, :, i], limits)
