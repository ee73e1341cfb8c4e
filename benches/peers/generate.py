"""Prefill and greedy decoding of a Hugging Face Llama folder with transformers, on a CPU or a GPU, in f32.

usage: generate.py MODEL_DIR [THREADS] [DEVICE]
       MODEL_DIR `random`: random weights of SmolLM2-135M's shape

The same jobs as `cargo bench --bench generate`: one prompt of 512 tokens read; 64 tokens added to one prompt of 32; 64 tokens added to
each of 16 prompts of 16, 24, .. 136 tokens, padded on the left as transformers asks. Token ids are arbitrary, no end token.
Prints one JSON document: tokens per second, median of the runs; the first run of each job is left out.
"""

import json
import sys
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

path = sys.argv[1]
torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 2)
DEVICE = sys.argv[3] if len(sys.argv) > 3 else "cpu"
if path == "random":
    shape = LlamaConfig(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                        vocab_size=49152, tie_word_embeddings=True, max_position_embeddings=8192, attn_implementation="sdpa")
    model = LlamaForCausalLM(shape).to(DEVICE).eval()
else:
    model = LlamaForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="sdpa").to(DEVICE).eval()
model.generation_config.eos_token_id = None
VOCAB, NEW = model.config.vocab_size, 64


def prompt(length, row):
    return [(row * 7919 + i * 31 + 3) % VOCAB for i in range(length)]


def median(job, runs):
    wait = torch.cuda.synchronize if DEVICE != "cpu" else lambda: None
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        job()
        wait()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds[1:])[runs // 2]


def generate(prompts, new=NEW):
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts], device=DEVICE)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=DEVICE)
    return model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=new, min_new_tokens=new, do_sample=False, pad_token_id=0)


with torch.inference_mode():
    long = torch.tensor([prompt(512, 0)], device=DEVICE)
    one, ragged = [prompt(32, 0)], [prompt(16 + 8 * row, row) for row in range(16)]
    result = {
        "prefill_512": 512 / median(lambda: model(input_ids=long, logits_to_keep=1), 5),
        "decode_1": NEW / median(lambda: generate(one), 5),
        "decode_16_ragged": 16 * NEW / median(lambda: generate(ragged), 3),
    }
print(json.dumps(result))
