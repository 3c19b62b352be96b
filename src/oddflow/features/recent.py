"""The keys (hosts, services) that were met of late, in memory set by a limit."""

import secrets

import numpy as np

from oddflow.features._recent_kernels import FORGOTTEN, LINKS, NEWEST, OLDEST, TABLE_FIELDS, USED


class Recent:
    """Arrays that `_recent_kernels.place_of` works on: which key has which place.

    Args:
        places: The most keys that are remembered; the one met longest ago makes room.
    """

    def __init__(self, places: int) -> None:
        self.seed = np.uint64(secrets.randbits(64))
        self.slots = np.zeros(1 << (2 * places - 1).bit_length(), np.int64)
        self.keys = np.zeros(places, np.uint64)
        self.links = np.full((places, LINKS), -1, np.int64)
        self.fields = np.zeros(TABLE_FIELDS, np.int64)
        self.fields[[NEWEST, OLDEST]] = -1

    @property
    def known(self) -> int:
        """Keys that are remembered."""
        return int(self.fields[USED])

    @property
    def forgotten(self) -> int:
        """Times that a key had to make room."""
        return int(self.fields[FORGOTTEN])
