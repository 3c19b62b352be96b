"""What is in an image, and where."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from oddflow.networks.lenet import LeNet5


class Localiser(nn.Module):
    """One body, two heads: the class, and a box around it.

    On a traffic matrix a box spans times and hosts. A box is x, y (its corner nearest to 0, 0), width and height, all
    as parts of the image.

    Source: Sermanet et al. 2014, "OverFeat", section 4 (boxes by regression); notes 004, "图像定位".
    """

    def __init__(self, channels: int = 1, outputs: int = 2, width: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(LeNet5(channels, width), nn.ReLU())
        self.class_head = nn.Linear(width, outputs)
        self.box_head = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images to log-odds and boxes: (n, channels, 28, 28) -> (n, outputs), (n, 4) from 0 to 1."""
        h = self.body(x)  # (n, width)
        return self.class_head(h), self.box_head(h).sigmoid()


def localiser_loss(logits: Tensor, boxes: Tensor, classes: Tensor, true_boxes: Tensor, weight: float = 1.0) -> Tensor:
    """Cross-entropy, and the squared error of boxes: (n, outputs), (n, 4), (n,) int64, (n, 4) -> (n,).

    Class 0 is the background: it has no box, so that none is learnt. Source: notes 004, "softmax，L2loss".
    """
    by_class = functional.cross_entropy(logits, classes, reduction="none")
    return by_class + weight * (classes > 0) * (boxes - true_boxes).square().sum(dim=1)


def intersection_over_union(boxes: Tensor, others: Tensor) -> Tensor:
    """What two boxes share of what they cover together, 0 to 1: (n, 4), (n, 4) as x, y, width, height -> (n,).

    Source: Jaccard 1912; Everingham et al. 2010, "The PASCAL Visual Object Classes Challenge", eq. 3; notes 004,
    "交并比".
    """
    near = torch.maximum(boxes[:, :2], others[:, :2])
    far = torch.minimum(boxes[:, :2] + boxes[:, 2:], others[:, :2] + others[:, 2:])
    shared = (far - near).clamp(min=0).prod(dim=1)
    covered = boxes[:, 2:].prod(dim=1) + others[:, 2:].prod(dim=1) - shared
    part = shared / covered.clamp(min=torch.finfo(covered.dtype).tiny)
    return part.clamp(max=1.0)  # thin boxes far from 0, 0 lose digits
