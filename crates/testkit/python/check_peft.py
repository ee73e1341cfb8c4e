"""Check an adapter that Anneal wrote with PEFT itself.  usage: check_peft.py MODEL_DIR ADAPTER_DIR LOGITS.safetensors

LOGITS.safetensors holds our `input_ids` [B, T] and `logits` [B, T, V], and `lengths` [B] where rows are right-padded
(logits at padding are not compared). Exit code 0: PEFT computes the same logits, within 1e-4 or,
beyond that, within twice PyTorch's own rounding; 1: it does not, a tensor of the adapter
is missing or unknown to PEFT, or the adapter changes nothing; 2: wrong usage.
"""

import os
import sys
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

TOLERANCE = 1e-4


def fail(message):
    print(f"FAIL: {message}")
    sys.exit(1)


def base(folder):
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def load(model_dir, adapter_dir):
    """The adapted model; stops unless the file's tensors are exactly those that PEFT expects."""
    config = LoraConfig.from_pretrained(adapter_dir)
    stored = load_file(os.path.join(adapter_dir, "adapter_model.safetensors"))
    expected = get_peft_model_state_dict(get_peft_model(base(model_dir), config))
    missing, unexpected = sorted(expected.keys() - stored.keys()), sorted(stored.keys() - expected.keys())
    if missing or unexpected:
        fail(f"missing tensors {missing}, unexpected tensors {unexpected}")
    wrong = [name for name in expected if expected[name].shape != stored[name].shape]
    if wrong:
        fail(f"tensors of the wrong shape: {wrong}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(base(model_dir), adapter_dir).eval()
    complaints = [str(w.message) for w in caught if "adapter" in str(w.message).lower() or "keys" in str(w.message).lower()]
    if complaints:
        fail(f"PEFT complains: {complaints}")
    loaded = get_peft_model_state_dict(model)
    stale = [name for name in stored if not torch.equal(loaded[name], stored[name].to(loaded[name].dtype))]
    if stale:
        fail(f"PEFT did not load {stale}")
    return model


def main():
    if len(sys.argv) != 4:
        print(__doc__)
        sys.exit(2)
    model_dir, adapter_dir, logits_path = sys.argv[1:]
    file = load_file(logits_path)
    if missing := {"input_ids", "logits"} - file.keys():
        fail(f"{logits_path} lacks {sorted(missing)}; it has {sorted(file)}")
    ids, ours = file["input_ids"].long(), file["logits"].float()
    if ours.shape[:2] != ids.shape:
        fail(f"logits {tuple(ours.shape)} do not belong to input_ids {tuple(ids.shape)}")
    lengths = file.get("lengths", torch.full((ids.shape[0],), ids.shape[1]))
    mask = (torch.arange(ids.shape[1])[None] < lengths[:, None]).long()
    model = load(model_dir, adapter_dir)
    with torch.no_grad():
        theirs = model(input_ids=ids, attention_mask=mask).logits
        with model.disable_adapter():
            plain = model(input_ids=ids, attention_mask=mask).logits
    if ours.shape != theirs.shape:
        fail(f"logits are {tuple(ours.shape)}, PEFT's are {tuple(theirs.shape)}")
    if not torch.isfinite(ours).all():
        fail("our logits are not finite")
    real = mask.bool()
    effect = float((theirs - plain)[real].abs().max())
    difference = float((ours - theirs)[real].abs().max())
    print(f"largest difference from PEFT {difference:.3e} (bar {TOLERANCE:.0e}); largest effect of the adapter {effect:.3e}")
    if effect <= 10 * TOLERANCE:
        fail("the adapter changes nothing")
    if difference <= TOLERANCE:
        return
    # Two right f32 programs may differ by more on a deep model with large logits. Then both are measured against PEFT in
    # f64: on the mean, we may be at most twice as far from it as PyTorch's own f32.
    with torch.no_grad():
        exact = model.double()(input_ids=ids, attention_mask=mask).logits
    ours, theirs = (float((logits.double() - exact)[real].abs().mean()) for logits in (ours, theirs))
    print(f"mean distance from PEFT in f64: ours {ours:.3e}, PyTorch in f32 {theirs:.3e}")
    if ours > 2 * theirs:
        fail("the logits differ by more than rounding")


main()
