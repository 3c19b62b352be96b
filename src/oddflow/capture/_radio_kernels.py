"""Reads 802.11 frames, and the headers in which capturing systems say how they were heard."""

from numba import i8

from oddflow.capture._layout import LOST_NOT_IP, LOST_SNAPPED, OK
from oddflow.capture._read_kernels import little_u16, little_u32, network_u32, read_byte
from oddflow.jit import kernel

KIND_LLC = 6
KIND_WIFI, KIND_RADIOTAP, KIND_PRISM, KIND_WIFI_PADDED = 16, 17, 18, 19
KIND_WIFI_MANAGEMENT, KIND_WIFI_CONTROL, KIND_WIFI_NO_DATA, KIND_WIFI_ENCRYPTED, KIND_WIFI_FRAGMENT = 32, 33, 34, 35, 36


@kernel(i8(i8, i8, i8, i8))
def missing(at, need, end, wire_end):
    """OK where `need` bytes of a frame were captured; else why not: snapped off, or never there."""
    if at + need <= end:
        return OK
    return LOST_SNAPPED if at + need <= wire_end else LOST_NOT_IP


@kernel()
def radiotap(data, at, end, wire_end):
    """Passes over a radiotap header (radiotap.org): (loss, kind, offset)."""
    loss = missing(at, 8, end, wire_end)
    if loss != OK:
        return loss, KIND_RADIOTAP, at
    length = little_u16(data, at + 2)
    if length < 8 or read_byte(data, at) != 0:
        return LOST_NOT_IP, KIND_RADIOTAP, at
    loss = missing(at, length, end, wire_end)
    if loss != OK:
        return loss, KIND_RADIOTAP, at
    present = little_u32(data, at + 4)
    place = 8
    word = present
    while word & 0x80000000 and place + 4 <= length:
        word = little_u32(data, at + place)
        place += 4
    is_padded = False
    if present & 2:  # the flags, behind the time where there is one
        if present & 1:
            place = (place + 7) // 8 * 8 + 8
        is_padded = place < length and read_byte(data, at + place) & 0x20 != 0
    return OK, KIND_WIFI_PADDED if is_padded else KIND_WIFI, at + length


@kernel()
def prism(data, at, end, wire_end):
    """Passes over a Prism or AVS header: (loss, kind, offset)."""
    loss = missing(at, 8, end, wire_end)
    if loss != OK:
        return loss, KIND_PRISM, at
    length = network_u32(data, at + 4)
    if network_u32(data, at) & 0xFFFFF000 != 0x80211000 and little_u32(data, at + 4) < length:
        length = little_u32(data, at + 4)
    if length < 8:
        return LOST_NOT_IP, KIND_PRISM, at
    loss = missing(at, length, end, wire_end)
    return loss, KIND_WIFI if loss == OK else KIND_PRISM, at + length


@kernel()
def wifi(data, at, end, wire_end, is_padded):
    """Reads the header of an 802.11 frame (IEEE 802.11 section 9.2.4): (loss, kind, offset)."""
    loss = missing(at, 2, end, wire_end)
    if loss != OK:
        return loss, KIND_WIFI, at
    control = little_u16(data, at)
    sort = (control >> 2) & 3
    if sort != 2:
        return OK, KIND_WIFI_MANAGEMENT if sort == 0 else KIND_WIFI_CONTROL, at
    if control & 0x40:  # no data, whatever else
        return OK, KIND_WIFI_NO_DATA, at
    if control & 0x4000:
        return OK, KIND_WIFI_ENCRYPTED, at
    has_quality = control & 0x80
    header_bytes = 30 if control & 0x0300 == 0x0300 else 24
    quality_at = header_bytes
    if has_quality:
        header_bytes += 6 if control & 0x8000 else 2
    if is_padded:
        header_bytes = (header_bytes + 3) // 4 * 4
    loss = missing(at, header_bytes, end, wire_end)
    if loss != OK:
        return loss, KIND_WIFI, at
    if little_u16(data, at + 22) & 0x0F:
        return OK, KIND_WIFI_FRAGMENT, at
    is_aggregate = has_quality and read_byte(data, at + quality_at) & 0x80
    if is_aggregate:
        header_bytes += 14
    return OK, KIND_LLC, at + header_bytes
