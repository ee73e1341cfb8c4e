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

from compare import TOLERANCE, compare, fail, logits_of, read


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
    ids, mask, ours = read(logits_path)
    model = load(model_dir, adapter_dir)
    with model.disable_adapter():
        plain = logits_of(model, ids, mask)
    effect = float((logits_of(model, ids, mask) - plain)[mask.bool()].abs().max())
    print(f"largest effect of the adapter {effect:.3e}")
    if effect <= 10 * TOLERANCE:
        fail("the adapter changes nothing")
    compare(model, ids, mask, ours, "PEFT")


main()
