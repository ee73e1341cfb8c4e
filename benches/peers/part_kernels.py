"""Each kernel against its twin, against PyTorch's operation, and against the bytes and operations that it must do."""

import tempfile

import fresh
from bench import HERE, values
from programs import estimates

BATCH, LENGTH, HIDDEN, INNER, HEADS, KV_HEADS, HEAD_DIM, VOCABULARY, RANK = 8, 128, 576, 1536, 9, 3, 64, 49152, 16
TOKENS, TRAINED, WEIGHTS = BATCH * LENGTH, BATCH * LENGTH // 3, 40


def needs():
    """By name: (values that must be read or written, each once; operations of matrix products), forward and backward."""
    found = {
        # x and y; x, dy and dx.
        "rms_norm": (5 * TOKENS * HIDDEN, 0),
        # gate, up and y; gate, up, dy and two gradients.
        "swiglu": (8 * TOKENS * INNER, 0),
        # x and y; dy and dx.
        "rotary": (4 * TOKENS * HEADS * HEAD_DIM, 0),
        "packed_attention": attention(), "causal_attention": attention(),
    }
    for source, target in ((HIDDEN, HIDDEN), (HIDDEN, INNER), (INNER, HIDDEN)):
        # x, y, W, A and B; x, dy, W, dx and both factors' gradients.
        moved = TOKENS * (3 * source + 2 * target) + 2 * source * target + 4 * RANK * (source + target)
        found[f"lora_linear_{source}_to_{target}"] = (moved, 4 * TOKENS * source * target + 6 * TOKENS * RANK * (source + target))
        for rows in (1, 16):
            # Forward alone, all weights.
            found[f"linear_{source}_to_{target}_rows_{rows}"] = (WEIGHTS * (source * target + rows * (source + target)),
                                                                WEIGHTS * 2 * rows * source * target)
    head = (2 * VOCABULARY * HIDDEN + 2 * TRAINED * HIDDEN, 4 * TRAINED * VOCABULARY * HIDDEN)
    found |= {"linear_cross_entropy": head, "linear_cross_entropy_smoothed": head,
              "linear_cross_entropy_trained": (head[0] + VOCABULARY * HIDDEN, 6 * TRAINED * VOCABULARY * HIDDEN)}
    return found


def attention():
    """q, k, v, the output and their gradients; two products forward, five backward (the scores once more), over half a square."""
    moved = TOKENS * HEAD_DIM * (4 * HEADS + 4 * KV_HEADS) + TOKENS * HEAD_DIM * (HEADS + 2 * KV_HEADS)
    return moved, 7 * 2 * HEADS * HEAD_DIM * BATCH * LENGTH * (LENGTH + 1) // 2


def kernels(bench):
    part = "kernels"

    def ours():
        with tempfile.TemporaryDirectory() as home:
            command = [bench.programs.bench("kernels"), "--bench", "--noplot", "--warm-up-time", 1, "--measurement-time", 2]
            return bench.run(part, "ours", "kernels and twins", command, lambda run: {"milliseconds": estimates(home)},
                             {"CRITERION_HOME": home, "RAYON_NUM_THREADS": "2"})

    sides = {
        "ours": ours,
        "peer": lambda: bench.run(part, "PyTorch", "operations", [bench.flags.python, HERE / "operations.py", 2],
                                  lambda run: {"operations": fresh.last_json(run["stdout"])}),
        "limit": lambda: bench.run(part, "limit", "the machine", [bench.programs.example("roofline"), "--json"],
                                   lambda run: fresh.last_json(run["stdout"]), {"RAYON_NUM_THREADS": "2"}),
    }
    runs = bench.in_turn(sides, min(bench.flags.rounds, 2))
    ours_ms, peer_ms = values(runs["ours"], "milliseconds"), values(runs["peer"], "operations")
    limits = values(runs["limit"], "large_gflop_per_second"), values(runs["limit"], "memory_copy_gb_per_second"), values(
        runs["limit"], "memory_read_gb_per_second")
    for name, (moved, operations) in needs().items():
        # `trained` and `smoothed` are functions of one group of the benchmark.
        group, _, way = name.partition("linear_cross_entropy_")
        ids = [f"{name}/kernel", f"{name}/twin"] if not way else [f"linear_cross_entropy/{side}_{way}" for side in ("kernel", "twin")]
        kernel, twin = ([run[at] for run in ours_ms if at in run] for at in ids)
        peer = [run[name]["milliseconds"] for run in peer_ms if name in run]
        add = lambda *given, **named: bench.rows.add(part, name, "ms", *given, better=False, **named)
        add(kernel, twin, peer_name="the twin")
        add(kernel, peer, note=next((run[name]["way"] for run in peer_ms if name in run), ""))
        floor, why = [], ""
        for gflops, copied, read in zip(*limits):
            # What is only read comes faster than what is written too.
            rate = read if name.startswith("linear_") and "rows" in name else copied
            memory, products = 4 * moved / rate / 1e6, operations / gflops / 1e6
            floor.append(max(memory, products))
            why = "operations" if products > memory else "bytes"
        add(kernel, floor, peer_name=f"its {why} alone", note=f"{4 * moved / 1e6:.1f} MB, {operations / 1e9:.2f} GFLOP"
            + ("; what stays in cache can be faster" if why == "bytes" and "rows" not in name else ""))
