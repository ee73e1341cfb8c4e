"""PyTorch's operations at the shapes of `benches/kernels.rs`, forward and backward, f32, on this CPU.

usage: operations.py [THREADS] [SECONDS]

Under each name of `kernels.rs` the fastest of the ways that PyTorch offers and what it is called, in milliseconds (median of the passes
that fit into SECONDS, default 2). As there: the sum of the result runs backward, inputs get gradients, weights none; `linear_*` are
forward alone, over 40 weights in turn. Prints one JSON document. (A file kernels.py here would be taken for the package of that name,
which transformers looks for.)
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
BUDGET = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
BATCH, LENGTH, HIDDEN, INNER, HEADS, KV_HEADS, HEAD_DIM, VOCABULARY, RANK = 8, 128, 576, 1536, 9, 3, 64, 49152, 16
TOKENS, WEIGHTS = BATCH * LENGTH, 40
torch.manual_seed(0)
RESULT = {}


def milliseconds(job):
    """The first pass is left out."""
    job()
    seconds, end = [], time.perf_counter() + BUDGET
    while len(seconds) < 5 or (time.perf_counter() < end and len(seconds) < 1000):
        start = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[len(seconds) // 2] * 1e3


def measure(name, inputs, **ways):
    """Each way takes the leaves; the fastest is kept, the others are told."""
    found = {}
    for way, function in ways.items():
        leaves = [leaf.detach().requires_grad_() for leaf in inputs]

        def both():
            for leaf in leaves:
                leaf.grad = None
            function(*leaves).sum().backward()

        found[way] = milliseconds(both)
        assert all(leaf.grad is not None for leaf in leaves), name
    best = min(found, key=found.get)
    RESULT[name] = {"milliseconds": found[best], "way": best, "all": found}


def by_hand(x, weight):
    """As transformers' LlamaRMSNorm."""
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5))


def rotate(x):
    a, b = x[..., :HEAD_DIM // 2], x[..., HEAD_DIM // 2:]
    return x * COS + torch.cat((-b, a), -1) * SIN


def rotate_halves(x):
    a, b = x[..., :HEAD_DIM // 2], x[..., HEAD_DIM // 2:]
    cos, sin = COS[..., :HEAD_DIM // 2], SIN[..., :HEAD_DIM // 2]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def grouped(q, k, v, **mask):
    return F.scaled_dot_product_attention(q, k, v, enable_gqa=True, **mask)


def repeated(q, k, v, **mask):
    k, v = (t.repeat_interleave(HEADS // KV_HEADS, 1) for t in (k, v))
    return F.scaled_dot_product_attention(q, k, v, **mask)


states = lambda width: torch.randn(BATCH, LENGTH, width)
norm = torch.randn(HIDDEN)
measure("rms_norm", [states(HIDDEN)], rms_norm=lambda x: F.rms_norm(x, (HIDDEN,), norm, 1e-5), by_hand=lambda x: by_hand(x, norm))
measure("swiglu", [states(INNER), states(INNER)], silu_times=lambda gate, up: F.silu(gate) * up)
angles = torch.randn(1, 1, LENGTH, HEAD_DIM // 2) * 3
COS, SIN = (torch.cat((f(angles), f(angles)), -1) for f in (torch.cos, torch.sin))
heads = lambda count: torch.randn(BATCH, count, LENGTH, HEAD_DIM)
measure("rotary", [heads(HEADS)], rotate_half=rotate, halves=rotate_halves)
measure("causal_attention", [heads(HEADS), heads(KV_HEADS), heads(KV_HEADS)],
        sdpa_gqa=lambda q, k, v: grouped(q, k, v, is_causal=True), sdpa_repeated=lambda q, k, v: repeated(q, k, v, is_causal=True))
long = lambda count: torch.randn(1, count, TOKENS, HEAD_DIM)
row = torch.arange(TOKENS)
packed = (row[:, None] // LENGTH == row // LENGTH) & (row[:, None] >= row)
bias = torch.zeros(TOKENS, TOKENS).masked_fill(~packed, float("-inf"))
measure("packed_attention", [long(HEADS), long(KV_HEADS), long(KV_HEADS)],
        sdpa_gqa_mask=lambda q, k, v: grouped(q, k, v, attn_mask=packed), sdpa_repeated_mask=lambda q, k, v: repeated(q, k, v, attn_mask=packed),
        sdpa_repeated_bias=lambda q, k, v: repeated(q, k, v, attn_mask=bias))
for source, target in ((HIDDEN, HIDDEN), (HIDDEN, INNER), (INNER, HIDDEN)):
    weight = torch.randn(target, source) * 0.1
    measure(f"lora_linear_{source}_to_{target}", [torch.randn(TOKENS, source), torch.randn(RANK, source) * 0.1, torch.randn(target, RANK) * 0.1],
            linear=lambda x, a, b: F.linear(x, weight) + 2.0 * F.linear(F.linear(x, a), b))
trained = TOKENS // 3
table = torch.randn(VOCABULARY, HIDDEN) * 0.1
targets = torch.arange(trained) * 97 % VOCABULARY
loss = lambda x, w, smoothing: F.cross_entropy(F.linear(x, w), targets, reduction="none", label_smoothing=smoothing)
hidden = torch.randn(trained, HIDDEN)
measure("linear_cross_entropy", [hidden], linear_then_loss=lambda x: loss(x, table, 0.0))
measure("linear_cross_entropy_smoothed", [hidden], linear_then_loss=lambda x: loss(x, table, 0.1))
measure("linear_cross_entropy_trained", [hidden, table], linear_then_loss=lambda x, w: loss(x, w, 0.0))
with torch.inference_mode():
    for source, target in ((HIDDEN, HIDDEN), (HIDDEN, INNER), (INNER, HIDDEN)):
        weights = [torch.randn(target, source) * 0.1 for _ in range(WEIGHTS)]
        for rows in (1, 16):
            x = torch.randn(rows, source)
            spent = milliseconds(lambda: [F.linear(x, weight) for weight in weights])
            RESULT[f"linear_{source}_to_{target}_rows_{rows}"] = {"milliseconds": spent, "way": "linear", "all": {"linear": spent}}
print(json.dumps(RESULT))
