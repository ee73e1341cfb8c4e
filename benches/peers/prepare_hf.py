"""The job of `prepare --pack` with Hugging Face datasets, transformers' fast tokenizer and TRL's packing.

usage: prepare_hf.py MODEL_DIR DATA.json[.xz] [--render template|format] [--threads 2] [--processes 1] [--max-length 1024]
       pip install datasets trl transformers        (measured with datasets 5.2.0, trl 1.16.0, transformers 5.23.0)

Reads rows of question, context and answer; renders SmolLM2's chat template; tokenises in batches; labels by TRL's rule (the prompt's ids
are a prefix of the whole text's ids, what follows is trained); packs by best fit decreasing, TRL's `pack_dataset`. What is longer than
MAX_LENGTH is left out first, as `prepare` leaves it out: TRL would cut it.

--render template: transformers' `apply_chat_template`, a batch at a time; --render format: the same text from one Python format string,
which nobody's trainer does but which is the fastest that Python can be. --processes 2 with --threads 1 is datasets' own way of using two
cores (`num_proc`); --processes 1 with --threads 2 leaves both to the tokenizer's Rust threads.

Prints one JSON document: rows, tokens, trained tokens, packed rows, seconds in all and by stage (in the first process's clock),
rows and tokens per second, peak resident bytes of all processes. Imports are not counted.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("data")
parser.add_argument("--render", choices=["template", "format"], default="template")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--processes", type=int, default=1)
parser.add_argument("--max-length", type=int, default=1024)
flags = parser.parse_args()
os.environ["RAYON_NUM_THREADS"] = str(flags.threads)
os.environ["TOKENIZERS_PARALLELISM"] = "true" if flags.threads > 1 else "false"
os.environ["OMP_NUM_THREADS"] = str(flags.threads)
os.environ["HF_HUB_OFFLINE"] = "1"

import datasets  # noqa: E402
import pyarrow  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402
from trl import pack_dataset  # noqa: E402

pyarrow.set_cpu_count(flags.threads)
datasets.disable_progress_bars()
SYSTEM = "Translate the question to a SQLite query over the given schema."
seconds = dict.fromkeys(["read", "render", "tokenize", "label", "map", "pack"], 0.0)


class Stage:
    """Adds the time of a `with` block to a stage."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.start = time.perf_counter()

    def __exit__(self, *_):
        seconds[self.name] += time.perf_counter() - self.start


def by_template(rows):
    """The prompt and the whole text of each row, by the model's own template."""
    prompts = [
        [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"{context}\n-- {question}"}]
        for question, context in zip(rows["question"], rows["context"])
    ]
    whole = [prompt + [{"role": "assistant", "content": answer}] for prompt, answer in zip(prompts, rows["answer"])]
    render = tokenizer.apply_chat_template
    return render(prompts, add_generation_prompt=True, tokenize=False), render(whole, tokenize=False)


def by_format(rows):
    """The same texts from one format string."""
    prompts = [
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{context}\n-- {question}<|im_end|>\n<|im_start|>assistant\n"
        for question, context in zip(rows["question"], rows["context"])
    ]
    return prompts, [f"{prompt}{answer}<|im_end|>\n" for prompt, answer in zip(prompts, rows["answer"])]


def prepare(rows):
    """One batch: texts, ids, labels."""
    with Stage("render"):
        prompts, whole = (by_template if flags.render == "template" else by_format)(rows)
    with Stage("tokenize"):
        encode = lambda texts: tokenizer(texts, add_special_tokens=False, return_attention_mask=False)["input_ids"]
        prompt_ids, input_ids = encode(prompts), encode(whole)
    with Stage("label"):
        labels = []
        for prompt, ids in zip(prompt_ids, input_ids):
            if ids[: len(prompt)] != prompt:
                sys.exit("a prompt's ids are no prefix of the whole text's")
            labels.append([-100] * len(prompt) + ids[len(prompt):])
    return {"input_ids": input_ids, "labels": labels}


tokenizer = AutoTokenizer.from_pretrained(flags.model)
with tempfile.TemporaryDirectory() as cache:
    start = time.perf_counter()
    with Stage("read"):
        rows = datasets.load_dataset("json", data_files=flags.data, split="train", cache_dir=cache)
    with Stage("map"):
        ready = rows.map(prepare, batched=True, remove_columns=rows.column_names, num_proc=flags.processes if flags.processes > 1 else None)
    with Stage("pack"):
        fits = ready.filter(lambda batch: [len(ids) <= flags.max_length for ids in batch["input_ids"]], batched=True)
        packed = pack_dataset(fits, flags.max_length, "bfd")
    total = time.perf_counter() - start
    if rows[:32] and by_template(rows[:32]) != by_format(rows[:32]):
        sys.exit("the two ways to render differ")

    def count(batch):
        lengths = [len(ids) for ids in batch["input_ids"]]
        return {"tokens": lengths, "trained": [sum(label != -100 for label in labels) for labels in batch["labels"]]}

    counts = fits.map(count, batched=True, remove_columns=fits.column_names)
    tokens, trained = sum(counts["tokens"]), sum(counts["trained"])
    seconds["map"] -= seconds["render"] + seconds["tokenize"] + seconds["label"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if flags.processes > 1:
        peak += flags.processes * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({
        "render": flags.render, "threads": flags.threads, "processes": flags.processes,
        "rows": len(fits), "too_long": len(rows) - len(fits), "tokens": tokens, "trained_tokens": trained, "packed_rows": len(packed),
        "seconds": total, "stages": seconds, "rows_per_second": len(rows) / total, "tokens_per_second": tokens / total,
        "peak_memory_bytes": peak * 1024,
    }))
