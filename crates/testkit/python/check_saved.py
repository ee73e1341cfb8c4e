"""Check a model that Anneal wrote with transformers itself.  usage: check_saved.py MODEL_DIR LOGITS.safetensors

MODEL_DIR is what `cargo run --release --example convert` writes, LOGITS.safetensors what `--example logits` writes for that
folder: `input_ids` [B, T] and `logits` [B, T, V], of right-padded rows with `lengths` [B]. Exit code 0: transformers loads the
folder with no missing, unexpected or mis-shaped tensor, reads its tokenizer if it has one, and computes the same logits, within
1e-4 or, beyond that, within twice PyTorch's own rounding; 1: it does not; 2: wrong usage.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from compare import compare, fail, read


def check_files(folder):
    """Every file is marked for PyTorch, and the index names what the shards hold."""
    held, size = {}, 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            if file.metadata() != {"format": "pt"}:
                fail(f"{path.name}: metadata {file.metadata()}")
            for name in file.keys():
                if name in held:
                    fail(f"{name} is stored twice")
                tensor = file.get_tensor(name)
                held[name], size = path.name, size + tensor.nbytes
    index = folder / "model.safetensors.index.json"
    if index.exists():
        index = json.loads(index.read_text())
        if index["weight_map"] != held or index["metadata"]["total_size"] != size:
            fail("the index does not say what the shards hold")
    return held


def load(folder, dtype):
    model, report = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", output_loading_info=True
    )
    if problems := {name: found for name, found in report.items() if found}:
        fail(f"transformers reports {problems}")
    return model.eval()


def check_tokenizer(folder):
    if not (folder / "tokenizer.json").exists():
        return "no tokenizer"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "SELECT name, count(*)\n  FROM t1 WHERE x >= 10.5; -- naïve 🦀"
    if tokenizer.decode(tokenizer(text, add_special_tokens=False).input_ids) != text:
        fail("the tokenizer does not give a text back")
    if tokenizer.chat_template is None:
        return "a tokenizer without template"
    rendered = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    if "hi" not in rendered:
        fail(f"the template renders {rendered!r}")
    return f"a tokenizer of {len(tokenizer)} tokens, bos {tokenizer.bos_token!r}, eos {tokenizer.eos_token!r}"


def main():
    if len(sys.argv) != 3:
        print(__doc__)
        sys.exit(2)
    folder, logits_path = Path(sys.argv[1]), sys.argv[2]
    held = check_files(folder)
    config = AutoConfig.from_pretrained(folder)
    if config.tie_word_embeddings and "lm_head.weight" in held:
        fail("the tied head is stored a second time")
    if (folder / "generation_config.json").exists():
        print(f"ends at {GenerationConfig.from_pretrained(folder).eos_token_id}")
    print(check_tokenizer(folder))

    stored = load(folder, "auto").dtype
    if stored != config.dtype:
        fail(f"config.json says {config.dtype}, transformers loads {stored}")
    print(f"{len(held)} tensors, {stored}")
    # Ours computes in f32 with the stored weights.
    compare(load(folder, torch.float32), *read(logits_path), "transformers")


main()
