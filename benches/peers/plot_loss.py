"""Draws training losses over minutes, smoothed over ten steps, into an SVG.

usage: plot_loss.py OUT.svg METRICS.jsonl TORCH.log        (pip install matplotlib)

METRICS.jsonl is what `finetune` writes; TORCH.log the output of ../shared/peers/torch_sft.py.
"""
import json, re, sys
import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "anneal"
import matplotlib.pyplot as plt

out, metrics, log = sys.argv[1:4]


def smooth(values, width=10):
    return [sum(values[max(0, i - width + 1):i + 1]) / (i + 1 - max(0, i - width + 1)) for i in range(len(values))]


steps = [json.loads(line) for line in open(metrics)]
minutes, total = [], 0.0
for step in steps:
    total += step["seconds"] / 60
    minutes.append(total)
peer = [(int(s), float(l), float(e)) for s, l, e in
        re.findall(r"step (\d+) loss ([\d.]+) examples/s ([\d.]+)", open(log).read())]
batch = 16
plt.figure(figsize=(7, 4))
plt.plot(minutes, smooth([s["loss"] for s in steps]), label=f"Anneal ({len(steps)} steps)")
plt.plot([(s + 1) * batch / e / 60 for s, _, e in peer], smooth([l for _, l, _ in peer]),
         label=f"PyTorch + PEFT ({len(peer)} steps)")
plt.xlabel("minutes of training on 2 CPU cores")
plt.ylabel("loss per trained token, mean of 10 steps")
plt.ylim(bottom=0)
plt.grid(alpha=0.3)
plt.legend()
plt.tight_layout()
plt.savefig(out, metadata={"Date": None})
