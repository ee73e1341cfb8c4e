"""The training step: the cell with the bars, the matrix of shapes and threads, and peak memory."""

import fresh
from bench import state, values


def step(bench):
    """4 x 128, two threads: against PyTorch in f32 and under autocast, against its memory, against the products alone."""
    part, (batch, length), steps = "step", (4, 128), bench.flags.steps
    roofline = [bench.programs.example("roofline"), "--batch", batch, "--length", length, "--json"]
    limit = lambda: bench.run(part, "limit", f"products of {batch} x {length}", roofline, lambda run: fresh.last_json(run["stdout"]),
                              {"RAYON_NUM_THREADS": "2"})
    sides = {
        "limit": limit,
        "ours": lambda: bench.step(part, batch, length, steps),
        "peer": lambda: bench.peer_step(part, batch, length, steps),
        "autocast": lambda: bench.peer_step(part, batch, length, steps, more=["--autocast"]),
    }
    # Ways of ours that a later build may know.
    if bench.programs.has_flag("step", "--precision"):
        sides["medium"] = lambda: bench.step(part, batch, length, steps, more=["--precision", "medium"])
    if bench.programs.has_flag("step", "--recompute"):
        sides["recompute"] = lambda: bench.step(part, batch, length, steps, more=["--recompute"])
    runs = bench.in_turn(sides)
    speed = lambda side: values(runs[side], "tokens_per_second")
    peak = lambda side: values(runs[side], "peak_mib")
    rows, cell = bench.rows, f"{batch} x {length} f32"
    rows.add(part, cell, "tokens/s", speed("ours"), speed("peer"), bar=1.3, note="1.5 is the aim")
    rows.add(part, f"{cell} against its bf16 autocast", "tokens/s", speed("ours"), speed("autocast"), bar=1.0)
    rows.add(part, cell, "peak MiB", peak("ours"), peak("peer"), bar=0.5, at_most=True)
    rows.add(part, f"{cell} against its products alone", "tokens/s", speed("ours"), speed("limit"), bar=0.7, peer_name="the gemm limit")
    for way in ("medium", "recompute"):
        if way in runs:
            other = "autocast" if way == "medium" else "peer"
            rows.add(part, f"{batch} x {length}, {way}", "tokens/s", speed(way), speed(other),
                     note="peer: bf16 autocast" if way == "medium" else "")
            rows.add(part, f"{batch} x {length}, {way}", "peak MiB", peak(way), peak(other), at_most=True)
    for name, unit in (("large_gflop_per_second", "GFLOP/s, one large product"), ("memory_read_gb_per_second", "GB/s read"),
                       ("memory_copy_gb_per_second", "GB/s copied")):
        rows.add(part, "the machine", unit, values(runs["limit"], name))


# Rows of a step, tokens of a row, threads.
BATCHES, LENGTHS, THREADS = (1, 4, 16), (128, 512, 2048), (2, 1)


def matrix(bench):
    """No cell below PyTorch."""
    flags = bench.flags
    pick = lambda text, default: tuple(map(int, text.split(","))) if text else default
    for threads in pick(flags.threads, THREADS):
        for length in pick(flags.lengths, LENGTHS):
            for batch in pick(flags.batches, BATCHES):
                cell(bench, batch, length, threads)


def cell(bench, batch, length, threads):
    tokens, part = batch * length, "matrix"
    # Minutes are the bound: large steps vary little.
    steps = 6 if tokens <= 512 else 4 if tokens <= 2048 else 3 if tokens <= 8192 else 2
    rounds = bench.flags.rounds if tokens <= 2048 else 1
    runs = bench.in_turn({"ours": lambda: bench.step(part, batch, length, steps, threads),
                          "peer": lambda: bench.peer_step(part, batch, length, steps, threads)}, rounds)
    notes = []
    if state(runs["ours"]):
        # The same step and the same gradients in less memory.
        notes.append(f"ours at once: {state(runs['ours'])}")
        for more in leaner(bench, length):
            runs["ours"] = [bench.step(part, batch, length, steps, threads, more)]
            if runs["ours"][-1].ok:
                notes.append(f"ours with {' '.join(map(str, more))}")
                break
    if state(runs["peer"]):
        notes.append(f"PyTorch: {state(runs['peer'])}")
    name = f"{batch} x {length}, {threads} thread{'s' if threads > 1 else ''}"
    for unit, key in (("tokens/s", "tokens_per_second"), ("peak MiB", "peak_mib")):
        ours, peer = values(runs["ours"], key), values(runs["peer"], key)
        bar = 1.0 if key == "tokens_per_second" and peer else None
        bench.rows.add(part, name, unit, ours, peer, bar=bar, at_most=key == "peak_mib", note="; ".join(notes))


def leaner(bench, length):
    ways = [["--micro-tokens", max(2048, length)]]
    if bench.programs.has_flag("step", "--recompute"):
        ways.insert(0, ["--recompute"])
    return ways


TOKENS, DEPTHS = (512, 1024, 2048, 4096, 8192), (15, 30, 60)
# Where depth is varied.
DEPTH_TOKENS = 2048


def memory(bench):
    """Peak memory by tokens in one row, and by layers."""
    part = "memory"
    ways = [("", [])]
    if bench.programs.has_flag("step", "--recompute"):
        ways.append((", recomputed", ["--recompute"]))
    peer_ways = [("", []), (", checkpointing", ["--checkpointing"])][:len(ways)]
    peaks = {}
    for name, more in ways:
        for tokens in TOKENS:
            peaks[name, tokens] = values([bench.step(part, 1, tokens, 2, more=more)], "peak_mib")
    for name, more in peer_ways:
        for tokens in TOKENS:
            run = bench.peer_step(part, 1, tokens, 2, more=more)
            peaks["peer" + name, tokens] = values([run], "peak_mib")
            if not run.ok:
                break
    for (name, _), (peer, _) in zip(ways, peer_ways):
        for tokens in TOKENS:
            bench.rows.add(part, f"1 x {tokens}{name}", "peak MiB", peaks[name, tokens], peaks.get(("peer" + peer, tokens), []),
                           at_most=True, note="both recompute layers" if name else "")
        per_token = [(b[0] - a[0]) / (second - first) * 1024 for first, second in zip(TOKENS, TOKENS[1:])
                     if (a := peaks[name, first]) and (b := peaks[name, second])]
        for (first, second), slope in zip(zip(TOKENS, TOKENS[1:]), per_token):
            bench.rows.add(part, f"from {first} to {second}{name}", "KiB a token", [slope], note="linear growth is the same slope everywhere")
    for name, more in ways:
        for layers in DEPTHS:
            shape = ["--shape", "smollm2-135m", "--layers", layers]
            ours = bench.step(part, 1, DEPTH_TOKENS, 2, more=more, weights=shape)
            peer = bench.peer_step(part, 1, DEPTH_TOKENS, 2, more=["--layers", layers, *(["--checkpointing"] if more else [])])
            bench.rows.add(part, f"1 x {DEPTH_TOKENS}, {layers} layers{name}", "peak MiB", values([ours], "peak_mib"),
                           values([peer], "peak_mib"), at_most=True, note="random weights; weights included")
