"""Print the losses and gradients that crates/kernels/tests/cross_entropy.rs compares with.  usage: label_smoothing.py

torch's cross_entropy(reduction="none", label_smoothing) in f64 over `hashed` values, its gradients for an upstream
gradient of each row; checked against transformers' LabelSmoother, which has the mean alone.
"""

import os
import sys

import torch
import transformers
from transformers.trainer_pt_utils import LabelSmoother

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "generate"))
from common import IGNORE
from rope_and_shapes import hashed

SHAPE, VOCABULARY = (4, 3), 6
TARGETS = [5, 0, 3, 3]
UPSTREAM = [1.0, -2.0, 0.5, 3.0]


def numbers(name, tensor):
    print(f"{name}: [{', '.join(f'{value:.8f}' for value in tensor.flatten().tolist())}]")


def main():
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    for smoothing in [0.0, 0.1]:
        hidden = (4 * hashed("hidden", SHAPE).double()).requires_grad_()
        weight = (3 * hashed("weight", (VOCABULARY, SHAPE[1])).double()).requires_grad_()
        targets = torch.tensor(TARGETS)
        logits = hidden @ weight.T
        losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
        # The smoother's labels may hold padding, which it leaves out of the mean.
        labels = torch.cat([targets, torch.tensor([IGNORE])])[None]
        padded = torch.cat([logits, torch.zeros(1, VOCABULARY)])[None]
        smoother = LabelSmoother(epsilon=smoothing)({"logits": padded}, labels)
        # It sums over the vocabulary in f32.
        assert abs(smoother.item() - losses.mean().item()) < 1e-6
        losses.backward(torch.tensor(UPSTREAM, dtype=torch.float64))
        print(f"label smoothing {smoothing}")
        numbers("losses", losses)
        numbers("gradient of hidden", hidden.grad)
        numbers("gradient of weight", weight.grad)


main()
