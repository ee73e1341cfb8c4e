"""Check adapters of every kind that Anneal wrote with PEFT itself.  usage: check_adapters.py MODEL_DIR LOGITS.json ADAPTER_DIR...

LOGITS.json maps each ADAPTER_DIR, as it is written on the command line, to `token_ids` [T] and our `logits`, [t, V] of the last t tokens.
Exit code 0: PEFT takes every tensor of every folder, lacks none, and computes the same logits: no difference is above 1e-5 times the larger
of one and PEFT's largest logit, and each adapter changes some logit by ten times that. 1: a line says for each folder what is wrong. 2: wrong usage.
"""

import json
import os
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from compare import logits_of

TOLERANCE = 1e-5


class Wrong(Exception):
    """What is wrong with a folder."""


def base(folder):
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def load(model_dir, adapter_dir):
    """The adapted model, if PEFT holds exactly what the file does."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(base(model_dir), adapter_dir).eval()
    if complaints := [str(w.message) for w in caught if "missing" in str(w.message) or "unexpected" in str(w.message)]:
        raise Wrong(f"PEFT complains: {complaints}")
    stored = load_file(os.path.join(adapter_dir, "adapter_model.safetensors"))
    with warnings.catch_warnings():
        # That it keeps copies of embeddings, which it does in every such file.
        warnings.simplefilter("ignore")
        held = get_peft_model_state_dict(model)
    # PEFT saves copies of adapted embeddings' own weights, and under bias="all" a saved module's bias three times: a file may do without.
    repeated = (".base_layer.weight", ".original_module.bias", ".modules_to_save.bias")
    held = {key: tensor for key, tensor in held.items() if key in stored or not key.endswith(repeated)}
    if stored.keys() != held.keys():
        raise Wrong(f"missing tensors {sorted(held.keys() - stored.keys())}, unexpected tensors {sorted(stored.keys() - held.keys())}")
    if stale := [key for key in stored if not torch.equal(held[key], stored[key].to(held[key].dtype))]:
        raise Wrong(f"PEFT did not load {stale}")
    return model


def check(model_dir, adapter_dir, ours):
    """The largest difference and the tolerance; raises `Wrong`."""
    ids, found = torch.tensor([ours["token_ids"]]), torch.tensor(ours["logits"])
    last = len(found)
    theirs, plain = (logits_of(model, ids, torch.ones_like(ids))[0, -last:] for model in (load(model_dir, adapter_dir), base(model_dir)))
    if found.shape != theirs.shape:
        raise Wrong(f"logits are {tuple(found.shape)}, PEFT's are {tuple(theirs.shape)}")
    if not torch.isfinite(found).all():
        raise Wrong("our logits are not finite")
    tolerance = TOLERANCE * max(1.0, float(theirs.abs().max()))
    difference, effect = float((found - theirs).abs().max()), float((theirs - plain).abs().max())
    if difference > tolerance:
        raise Wrong(f"the logits differ by {difference:.3e}, allowed are {tolerance:.3e}")
    if effect <= 10 * tolerance:
        raise Wrong(f"the adapter changes no logit by more than {effect:.3e}")
    return difference, tolerance


def main():
    if len(sys.argv) < 4:
        print(__doc__)
        sys.exit(2)
    model_dir, logits_path, *folders = sys.argv[1:]
    print(", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft", "safetensors")))
    ours, failures = json.loads(Path(logits_path).read_text()), 0
    for folder in folders:
        try:
            if folder not in ours:
                raise Wrong(f"{logits_path} has no logits of it")
            print("ok: {}: differs by {:.3e} (bar {:.3e})".format(folder, *check(model_dir, folder, ours[folder])))
        # Whatever PEFT raises is a failure of that folder, and the others are checked all the same.
        except Exception as wrong:
            failures += 1
            print(f"FAIL: {folder}: {wrong if isinstance(wrong, Wrong) else repr(wrong)}")
    sys.exit(1 if failures else 0)


main()
