"""Models sealed as arrays that a kernel runs, in place of a graph: the part `state.safetensors`.

Each tensor is named after the kernel and its version, "kitnet-1.weights": a file says by itself what runs it, and
arrays are all that it can say.
"""

from typing import Protocol

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from oddflow.errors import NotAModel
from oddflow.models.kitnet import KitNet, KitNetScorer
from oddflow.models.rows import Floats

KITNET = "kitnet-1"


class StateScorer(Protocol):
    """What scores rows by a state."""

    def contributions(self, x: Floats) -> Floats:
        """Each feature's part: (n, d) -> (n, d), not negative."""

    def score_of(self, contributions: Floats) -> Floats:
        """Scores: (n, d) -> (n,)."""


def state_part(state: KitNet) -> bytes:
    """The part of a sealed model that holds a state."""
    return save_tensors({f"{KITNET}.{name}": array for name, array in sorted(state.arrays().items())})


def open_state(part: bytes, width: int) -> StateScorer:
    """What scores rows of so many columns by a state, once every array is checked.

    Raises:
        NotAModel: The part is no state of a kernel that is known here, or not a sound one.
    """
    return KitNetScorer(KitNet.of(_arrays(part), width))


def _arrays(part: bytes) -> dict[str, NDArray]:  # type: ignore[type-arg]
    try:
        tensors = load_tensors(part)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAModel(f"its state holds no tensors ({error}); learn it again") from None
    kernels = {name.partition(".")[0] for name in tensors}
    if kernels != {KITNET}:
        shown = ", ".join(sorted(repr(kernel[:40]) for kernel in kernels)[:3]) or "nothing"
        raise NotAModel(
            f"its state is of {shown}, and this Oddflow runs {KITNET}: use the version that learnt it, or learn it anew"
        )
    return {name.partition(".")[2]: tensor for name, tensor in tensors.items()}
