"""Numbers for `../golden.rs`: from PEFT's LoRA+ with torch's AdamW and from transformers' schedules.

    python generate.py > golden.json

Written with torch 2.15.0, transformers 5.23.0 and peft 0.21.2, in f64, with the seed below.
"""

import json
import sys

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from transformers import optimization

SEED, STEPS, LR, RATIO, EMBEDDING_LR, DECAY = 7, 5, 0.02, 8.0, 0.003, 0.1


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = torch.nn.Embedding(6, 4)
        self.proj = torch.nn.Linear(4, 3)

    def forward(self, ids):
        return self.proj(torch.tanh(self.embed_tokens(ids)))


def loraplus():
    torch.manual_seed(SEED)
    config = LoraConfig(r=2, lora_alpha=3, target_modules=["embed_tokens", "proj"], bias="lora_only")
    model = get_peft_model(Net().double(), config).double()
    names = {
        "embed": "base_model.model.embed_tokens.base_layer.weight", "weight": "base_model.model.proj.base_layer.weight",
        "bias": "base_model.model.proj.base_layer.bias",
        "embed_a": "base_model.model.embed_tokens.lora_embedding_A.default",
        "embed_b": "base_model.model.embed_tokens.lora_embedding_B.default",
        "proj_a": "base_model.model.proj.lora_A.default.weight", "proj_b": "base_model.model.proj.lora_B.default.weight",
    }
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for key in names:
            # Eighths: exact in f32, so that both sides start with the same numbers.
            value = parameters[names[key]]
            value.copy_(torch.randint(-8, 9, value.shape).double() / 8)
    optimizer = create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=LR, loraplus_lr_ratio=RATIO, loraplus_lr_embedding=EMBEDDING_LR,
        loraplus_weight_decay=DECAY, betas=(0.9, 0.999), eps=1e-8,
    )
    read = lambda: {k: parameters[n].detach().flatten().tolist() for k, n in names.items()}
    start = read()
    ids = torch.tensor([0, 3, 5, 2, 3])
    for _ in range(STEPS):
        optimizer.zero_grad()
        (model(ids).square().sum() / len(ids)).backward()
        optimizer.step()
    end = {k: v for k, v in read().items() if k not in ("embed", "weight")}
    settings = {"lr": LR, "ratio": RATIO, "embedding_lr": EMBEDDING_LR, "decay": DECAY, "steps": STEPS, "scale": 1.5}
    return {"settings": settings, "ids": ids.tolist(), "start": start, "end": end}


def schedules():
    """The factor at every step and at the end."""
    cases = []
    for kind, warmup, total, min_lr in [
        ("constant", 3, 9, 0), ("linear", 0, 7, 0), ("linear", 4, 11, 0), ("cosine", 0, 7, 0), ("cosine", 5, 23, 0),
        ("cosine", 2, 9, 0.1), ("cosine", 0, 6, 0.25), ("cosine", 0.15, 30, 0.05), ("linear", 0.1, 25, 0),
    ]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        arguments = transformers.TrainingArguments("unused", warmup_steps=warmup, use_cpu=True)
        steps = arguments.get_warmup_steps(total)
        if kind == "constant":
            schedule = optimization.get_constant_schedule_with_warmup(optimizer, steps)
        elif kind == "linear":
            schedule = optimization.get_linear_schedule_with_warmup(optimizer, steps, total)
        elif min_lr:
            schedule = optimization.get_cosine_with_min_lr_schedule_with_warmup(optimizer, steps, total, min_lr_rate=min_lr)
        else:
            schedule = optimization.get_cosine_schedule_with_warmup(optimizer, steps, total)
        factors = []
        for _ in range(total + 1):
            factors.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        cases.append({"decay": kind, "warmup": warmup, "total": total, "min_lr_ratio": min_lr, "factors": factors})
    return cases


versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__, "seed": SEED}
json.dump({"versions": versions, "loraplus": loraplus(), "schedules": schedules()}, sys.stdout)
print()
