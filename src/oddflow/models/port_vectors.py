"""Vectors of services, learnt from unlabelled traffic; services that hosts use alike lie near each other.

The file is one safetensors file of two arrays: `services` (k,) float32, ascending (protocol × 65536 + port or ICMP
type), and `vectors` (k, e) float32.
"""

from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from oddflow.errors import UnknownFormat, Unreadable, UsageError
from oddflow.files import whole_file
from oddflow.models.rows import Floats

MOST_SERVICES = 1_024
MOST_WIDTH = 64
_MOST_BYTES = MOST_SERVICES * (MOST_WIDTH + 1) * 4 + 65_536


@dataclass(frozen=True, slots=True, eq=False)
class PortVectors:
    """What `oddflow embed` learns.

    Attributes:
        services: (k,) ascending.
        vectors: (k, e), over all services with mean 0 and deviation 1 in each of the e.
    """

    services: Floats
    vectors: Floats

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Self:
        """From a file, which may be a stranger's.

        Raises:
            Unreadable: There is none, or it is too large.
            UnknownFormat: It is no file of port vectors.
        """
        name = fspath(path)
        try:
            if not Path(name).is_file() or Path(name).stat().st_size > _MOST_BYTES:
                raise Unreadable(f"{name} is no file, or larger than port vectors are; make one with `oddflow embed`")
            content = Path(name).read_bytes()
        except OSError as error:
            raise Unreadable(f"{name} cannot be read: {error.strerror}; make one with `oddflow embed`") from None
        try:
            found = load_tensors(content)
        except (SafetensorError, ValueError, KeyError, AttributeError):
            raise UnknownFormat(f"{name} is no safetensors file; make one with `oddflow embed`") from None
        reason = _wrong(found)
        if reason:
            raise UnknownFormat(f"{name} holds no port vectors: {reason}; make one with `oddflow embed`")
        return cls(found["services"], found["vectors"])

    def write(self, path: str | PathLike[str]) -> None:
        """To a file, whole or not at all; raises OutputError where it cannot be."""
        with whole_file(fspath(path)) as file:
            file.write(save_tensors({"services": self.services, "vectors": self.vectors}))

    def nearest(self, service: float, most: int = 10) -> list[tuple[float, float]]:
        """Services that are used most alike, with the cosine of the angle between: nearest first.

        Raises:
            UsageError: The service has no vector.
        """
        place = int(np.searchsorted(self.services, service))
        if place == len(self.services) or self.services[place] != service:
            raise UsageError(f"this service was too rare; it has no vector, as {len(self.services)} others have")
        lengths = np.maximum(np.linalg.norm(self.vectors, axis=1), 1e-12)
        cosines = self.vectors @ self.vectors[place] / (lengths * lengths[place])
        order = np.argsort(-cosines, kind="stable")
        return [(float(self.services[one]), float(cosines[one])) for one in order if one != place][:most]


def _wrong(found: dict[str, Floats]) -> str:
    """What is wrong with the arrays of a file, "" for nothing."""
    if set(found) != {"services", "vectors"}:
        return f"its arrays are {', '.join(sorted(found)) or 'none'} and not services and vectors"
    services, vectors = found["services"], found["vectors"]
    if services.dtype != np.float32 or vectors.dtype != np.float32:
        return "they are no float32"
    if services.ndim != 1 or vectors.ndim != 2 or len(services) != len(vectors):
        return f"shapes {services.shape} and {vectors.shape} do not go together"
    if not 1 <= len(services) <= MOST_SERVICES or not 1 <= vectors.shape[1] <= MOST_WIDTH:
        return f"at most {MOST_SERVICES} services of {MOST_WIDTH} numbers each are allowed"
    if not np.isfinite(services).all() or not np.isfinite(vectors).all() or np.abs(vectors).max() > 1e3:
        return "their numbers are not finite, or far out"
    if not (np.diff(services) > 0).all():
        return "the services do not ascend"
    return ""
