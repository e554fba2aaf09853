"""Lets vLLM's tests import torchvision's CUDA wheel beside a CPU torch, in every process they start.

Two operators that the wheel's compiled part would bring are declared without a body. Nothing under test
calls them; the product never does this.
"""

import torch

if torch.version.cuda is None:
    torch.library.define("torchvision::nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    torch.library.define("torchvision::qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
