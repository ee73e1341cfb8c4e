"""Runs `prepare` and prepare_hf.py on the same rows in turns, and says which is faster and which needs more memory.

usage: prepare_side_by_side.py PREPARE GGUF HF_DIR DATA.json.xz [--threads 2] [--rounds 3] [--max-length 1024]
       PREPARE: target/release/examples/prepare; python with the packages of prepare_hf.py

Every round runs ours once and the peer once for each way to render and each way to use the threads; all are pinned to the same
processors. Ours is timed as a whole process, start and all; the peer from after its imports. Prints one JSON document, with the medians
and the ratio to the fastest peer; exit code 1 if the tokens differ.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

parser = argparse.ArgumentParser()
for name in ("prepare", "gguf", "hf", "data"):
    parser.add_argument(name)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--max-length", type=int, default=1024)
flags = parser.parse_args()
PEER = Path(__file__).with_name("prepare_hf.py")
WAYS = [("template", flags.threads, 1), ("template", 1, flags.threads), ("format", flags.threads, 1), ("format", 1, flags.threads)]


def pin():
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: flags.threads])


def ours():
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "manifest.json"
        command = [flags.prepare, "--model", flags.gguf, "--data", flags.data, "--pack", "--max-length", flags.max_length,
                   "--threads", flags.threads, "--manifest", manifest]
        start = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], preexec_fn=pin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        text = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            sys.exit(f"prepare: status {status}: {text[-2000:]}")
        counts = json.loads(manifest.read_text())
    return {"seconds": seconds, "peak_memory_bytes": usage.ru_maxrss * 1024, "counts": counts}


def peer(render, threads, processes):
    command = [sys.executable, PEER, flags.hf, flags.data, "--render", render, "--threads", threads, "--processes", processes,
               "--max-length", flags.max_length]
    done = subprocess.run([str(part) for part in command], preexec_fn=pin, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{PEER.name}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


ran, peers = [], {way: [] for way in WAYS}
for number in range(flags.rounds):
    ran.append(ours())
    print(f"round {number + 1}: ours {ran[-1]['seconds']:.2f} s, {ran[-1]['peak_memory_bytes'] / 2**20:.0f} MiB", file=sys.stderr, flush=True)
    for way in WAYS:
        peers[way].append(peer(*way))
        made = peers[way][-1]
        print(f"  {way}: {made['seconds']:.2f} s, {made['peak_memory_bytes'] / 2**20:.0f} MiB", file=sys.stderr, flush=True)

median = lambda runs, key: statistics.median(run[key] for run in runs)
rows, tokens = peers[WAYS[0]][0]["rows"], peers[WAYS[0]][0]["tokens"]
seconds = median(ran, "seconds")
result = {
    "rows": rows,
    "tokens": tokens,
    "ours": {"seconds": seconds, "rows_per_second": rows / seconds, "tokens_per_second": tokens / seconds,
             "peak_memory_bytes": max(run["peak_memory_bytes"] for run in ran), "counts": ran[0]["counts"]},
    "peers": [{"render": way[0], "threads": way[1], "processes": way[2], "seconds": median(runs, "seconds"),
               "rows_per_second": median(runs, "rows_per_second"), "tokens_per_second": median(runs, "tokens_per_second"),
               "packed_rows": runs[0]["packed_rows"], "trained_tokens": runs[0]["trained_tokens"], "stages": runs[0]["stages"],
               "peak_memory_bytes": max(run["peak_memory_bytes"] for run in runs)} for way, runs in peers.items()],
}
made = {run["counts"]["result"]["tokens"] for run in ran} | {peer["tokens"] for runs in peers.values() for peer in runs}
if len(made) != 1:
    sys.exit(f"the token totals differ: {sorted(made)}")
result["times_as_fast_as_the_fastest_peer"] = min(p["seconds"] for p in result["peers"]) / seconds
print(json.dumps(result, indent=1))
