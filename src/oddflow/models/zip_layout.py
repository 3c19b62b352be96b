"""Where the members of a sealed model's zip lie: one after another, as they were written, and nothing else.

A zip says twice what it holds, before each member and in the directory at its end, and readers differ in which they
believe. Here both must agree, members must touch, and no byte may lie before, between or behind them: so no two
members overlap, nothing is hidden, and every reader sees the same file.

Source: APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory) and 4.3.16 (its end).
"""

import struct

MOST_MEMBERS = 64

_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_ENCRYPTED, _UTF_8 = 0x0001, 0x0800
_FLAGS = _ENCRYPTED | _UTF_8
"""All others put sizes or names elsewhere; what is encrypted is refused by name later."""


def fault_of(content: bytes) -> str:
    """What is wrong with the layout, in words; "" where nothing is."""
    if len(content) < _END.size or content[-_END.size :][:4] != b"PK\x05\x06":
        return "it is cut, or something follows its end"
    _, disk, first_disk, here, count, size, start, comment = _END.unpack(content[-_END.size :])
    if comment or disk or first_disk or here != count or count > MOST_MEMBERS:
        return f"it has a comment, several disks, the sizes of Zip64, or more than {MOST_MEMBERS} members"
    if start + size + _END.size != len(content):
        return "its directory is not where its end says"
    at, end = start, 0
    for _ in range(count):
        fault, at, end = _member(content, at, end, start)
        if fault:
            return fault
    if at != start + size or end != start:
        return "bytes lie in it that belong to no member"
    return ""


def _member(content: bytes, at: int, begins: int, directory: int) -> tuple[str, int, int]:
    """A directory entry at `at`, whose member must begin at `begins`; what is wrong, and where the next ones are."""
    last = len(content) - _END.size
    if at + _CENTRAL.size > last:
        return "its directory is cut", at, begins
    signature, _, *named, name_length, extra, comment, disk, _, _, offset = _CENTRAL.unpack_from(content, at)
    if signature != b"PK\x01\x02" or extra or comment or disk or named[1] & ~_FLAGS:
        return "a member has extra fields, a comment, or its sizes elsewhere", at, begins
    name = content[at + _CENTRAL.size : at + _CENTRAL.size + name_length]
    if offset != begins or begins + _LOCAL.size > directory:
        return "members overlap, or are not in the order of its directory", at, begins
    first, *local, local_length, local_extra = _LOCAL.unpack_from(content, begins)
    data = begins + _LOCAL.size + local_length
    # version needed, flags, method, time, date, checksum and both sizes
    same = first == b"PK\x03\x04" and local == named and not local_extra
    if not same or content[begins + _LOCAL.size : data] != name:
        return "a member and its directory entry differ", at, begins
    end = data + named[6]
    if end > directory:
        return "a member is longer than the file", at, begins
    return "", at + _CENTRAL.size + name_length, end
