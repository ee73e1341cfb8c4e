"""One optimiser step of LoRA training with PyTorch + PEFT on random weights: the job of `benches/train_step.rs`.

usage: train_step.py [--device cuda] SHAPE:BATCHxLENGTH:DTYPE ...

Shapes: smollm2-135m, llama-3.2-1b, llama-2-7b. Rank 16 on all seven linear layers, adapters in f32, AdamW, every position
supervised, SDPA attention, no recomputation. Prints one JSON line each: tokens per second (median of 10 steps after 3),
peak memory of the device in MiB (CUDA alone).
"""

import argparse
import json
import statistics
import time

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

SHAPES = {
    "smollm2-135m": dict(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                         vocab_size=49152, tie_word_embeddings=True, max_position_embeddings=8192),
    "llama-3.2-1b": dict(hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8,
                         head_dim=64, vocab_size=128256, tie_word_embeddings=True, max_position_embeddings=131072),
    "llama-2-7b": dict(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32,
                       vocab_size=32000, tie_word_embeddings=False, max_position_embeddings=4096),
}
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def measure(job, device):
    shape, size, dtype = job.split(":")
    batch, length = map(int, size.split("x"))
    torch.manual_seed(0)
    config = LlamaConfig(**SHAPES[shape], attn_implementation="sdpa")
    torch.set_default_dtype({"f32": torch.float32, "bf16": torch.bfloat16}[dtype])
    with torch.device(device):
        model = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=TARGETS, task_type="CAUSAL_LM"))
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    assert all(p.dtype == torch.float32 for p in trained), "PEFT keeps adapters in f32"
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0)
    ids = torch.randint(0, config.vocab_size, (batch, length), device=device)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    seconds = []
    for _ in range(13):
        wait()
        start = time.perf_counter()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss.item()
        wait()
        seconds.append(time.perf_counter() - start)
    middle = statistics.median(seconds[3:])
    peak = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None
    print(json.dumps({"job": job, "tokens_per_second": batch * length / middle, "milliseconds": middle * 1e3, "peak_mib": peak}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("jobs", nargs="+")
    arguments = parser.parse_args()
    print(json.dumps({"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__,
                      "device": torch.cuda.get_device_name() if arguments.device == "cuda" else "cpu"}))
    for job in arguments.jobs:
        if arguments.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        measure(job, arguments.device)


if __name__ == "__main__":
    main()
