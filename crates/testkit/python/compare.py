"""Our logits beside PyTorch's: what the checks in this folder share."""

import sys

import torch
from safetensors.torch import load_file

TOLERANCE = 1e-4


def fail(message):
    print(f"FAIL: {message}")
    sys.exit(1)


def read(path):
    """Input ids, the mask of the real tokens, and our logits, from a file with `input_ids`, `logits` and perhaps `lengths`."""
    file = load_file(path)
    if missing := {"input_ids", "logits"} - file.keys():
        fail(f"{path} lacks {sorted(missing)}; it has {sorted(file)}")
    ids, ours = file["input_ids"].long(), file["logits"].float()
    if ours.shape[:2] != ids.shape:
        fail(f"logits {tuple(ours.shape)} do not belong to input_ids {tuple(ids.shape)}")
    lengths = file.get("lengths", torch.full((ids.shape[0],), ids.shape[1]))
    mask = (torch.arange(ids.shape[1])[None] < lengths[:, None]).long()
    return ids, mask, ours


def logits_of(model, ids, mask):
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask).logits


def compare(model, ids, mask, ours, name):
    """Stops unless our logits are those of an f32 model, which is in f64 afterwards."""
    theirs = logits_of(model, ids, mask)
    if ours.shape != theirs.shape:
        fail(f"logits are {tuple(ours.shape)}, those of {name} are {tuple(theirs.shape)}")
    if not torch.isfinite(ours).all():
        fail("our logits are not finite")
    real = mask.bool()
    difference = float((ours - theirs)[real].abs().max())
    print(f"largest difference from {name} {difference:.3e} (bar {TOLERANCE:.0e})")
    if difference <= TOLERANCE:
        return
    # Two right f32 programs may differ by more on a deep model with large logits. Then both are measured against the
    # model in f64: on the mean, we may be at most twice as far from it as PyTorch's own f32.
    exact = logits_of(model.double(), ids, mask)
    ours, theirs = (float((logits.double() - exact)[real].abs().mean()) for logits in (ours, theirs))
    print(f"mean distance from {name} in f64: ours {ours:.3e}, PyTorch in f32 {theirs:.3e}")
    if ours > 2 * theirs:
        fail("the logits differ by more than rounding")
