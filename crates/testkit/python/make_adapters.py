"""Adapters of every kind, made and run by PEFT.  usage: make_adapters.py OUT SEED [MODEL_DIR]

Writes two tiny Llamas (OUT/untied with biases, OUT/tied) and, for each of them and for the model in MODEL_DIR, adapters whose
values, ranks, alphas and layers are drawn by SEED, as PEFT saves them. OUT/cases.json has a list of
`model`, `adapter` (folders), `prompt_ids`, `token_ids` (greedy, by transformers in f32), `logprobs` (in f64), `stray` (how far f32 is
from them at most), and `sure`: how many of the tokens come before the first whose best two logits are nearer than 1e-3, which
rounding may turn.
"""

import json
import os
import random
import sys
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from peft import IA3Config, LoraConfig, PeftModel, PromptTuningConfig, VeraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

NEW_TOKENS = 8
TASK = dict(task_type="CAUSAL_LM")
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def tiny(tied):
    return LlamaConfig(
        vocab_size=61, hidden_size=24, intermediate_size=38, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=10, rms_norm_eps=1e-5, max_position_embeddings=64, tie_word_embeddings=tied, attention_bias=not tied,
        mlp_bias=not tied, bos_token_id=1, eos_token_id=2, pad_token_id=None, initializer_range=0.3)


def lora(draw, targets=None, **settings):
    rank = draw.choice([2, 3, 5, 8])
    alpha = draw.choice([alpha for alpha in (1, 4, 7, 12, 16) if alpha != rank])
    targets = targets or draw.sample(LINEARS, 3)
    return LoraConfig(**{**TASK, "r": rank, "lora_alpha": alpha, "target_modules": targets, **settings})


def everywhere(draw, layers):
    """What any Llama can carry."""
    a, b = draw.sample(LINEARS, 2)
    layer = draw.randrange(layers)
    yield "lora", lora(draw)
    yield "rslora_patterns", lora(
        draw, [a, b], use_rslora=True, rank_pattern={a: 4, rf"layers\.{layer}\..*{b}": 6},
        alpha_pattern={f"{layer}.*{a}": 9, b: 2.5})
    yield "dora", lora(draw, use_dora=True)
    yield "regex", lora(draw, rf".*\.{layer}\.(self_attn\.(q|v)_proj|mlp\.up_proj)|.*\.0\.mlp\.down_proj")
    yield "selected_layers", lora(draw, layers_to_transform=sorted(draw.sample(range(layers), 2)), layers_pattern="layers")
    yield "excluded", lora(draw, "all-linear", exclude_modules=[f"layers.{layer}.mlp.{draw.choice(['up', 'down'])}_proj", "v_proj"])
    yield "norms_saved", lora(draw, modules_to_save=["norm"])
    # On one layer: PEFT decomposes every weight twice, here and when it reads the file.
    one = dict(layers_to_transform=[layer], layers_pattern="layers")
    yield "pissa", lora(draw, init_lora_weights="pissa", **one)
    yield "olora", lora(draw, init_lora_weights="olora", **one)
    yield "ia3", IA3Config(**TASK, target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"])
    yield "vera", VeraConfig(**TASK, r=7, target_modules=[a, b], projection_prng_key=draw.randrange(1000))
    yield "vera_unsaved", VeraConfig(**TASK, r=5, target_modules=[a], save_projection=False, projection_prng_key=draw.randrange(1000))
    yield "dora_patterns", lora(draw, [a, b], use_dora=True, use_rslora=True, rank_pattern={a: 4}, alpha_pattern={rf"{layer}\..*{b}": 3})
    yield "dora_pissa", lora(draw, use_dora=True, init_lora_weights="pissa", **one)
    yield "vera_layers", VeraConfig(**TASK, r=6, target_modules=[a, b], layers_to_transform=[layer])
    yield "ia3_saved", IA3Config(**TASK, target_modules=["q_proj", "up_proj"], feedforward_modules=[], modules_to_save=["norm"])
    yield "prompt", PromptTuningConfig(**TASK, num_virtual_tokens=draw.choice([2, 5]))


def untied(draw):
    """What needs biases or a head of its own."""
    yield "bias_all", lora(draw, bias="all")
    yield "bias_lora_only", lora(draw, bias="lora_only")
    yield "dora_bias", lora(draw, use_dora=True, bias="lora_only")
    yield "head_saved", lora(draw, modules_to_save=["lm_head", "embed_tokens"])
    yield "bias_all_saved", lora(draw, ["q_proj", "up_proj"], bias="all", modules_to_save=["down_proj"])
    yield "vera_bias", VeraConfig(**TASK, r=4, target_modules=["o_proj", "gate_proj"], bias="all")
    yield "head", lora(draw, ["lm_head", "q_proj"])
    yield "embedding", lora(draw, ["embed_tokens", "down_proj"])


def tied(draw):
    """What an embedding that is the head makes harder."""
    yield "tied_head", lora(draw, ["lm_head", "q_proj"])
    yield "tied_embedding", lora(draw, ["embed_tokens", "o_proj"])
    yield "tied_ensured", lora(draw, ["embed_tokens", "v_proj"], ensure_weight_tying=True)
    yield "tied_ensured_saved", lora(draw, modules_to_save=["embed_tokens"], ensure_weight_tying=True)
    yield "tied_head_saved", lora(draw, modules_to_save=["lm_head"])


def perturb(model, generator):
    """Moves every trained value away from where it began."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                # VeRA's vectors scale tiny projections; a LoRA's factors are small themselves; anything else moves by a tenth.
                near = 0.1 * float(parameter.abs().mean()) + 0.02
                scale = 1.0 if "vera_" in name else 0.05 if "lora_" in name and "magnitude" not in name else near
                parameter += scale * torch.randn(parameter.shape, generator=generator)


def continued(model, prompt):
    """Greedy tokens, how many of them are beyond doubt, their log-probabilities in f64, and what f32 strays from those."""
    ids, gaps, narrow = list(prompt), [], []
    with torch.no_grad():
        for _ in range(NEW_TOKENS):
            logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
            best = torch.topk(logits, 2).values
            token = int(logits.argmax())
            gaps.append(float(best[0] - best[1]))
            narrow.append(float(torch.log_softmax(logits.double(), -1)[token]))
            ids.append(token)
            if token == model.config.eos_token_id:
                break
        wide = torch.log_softmax(model.double()(input_ids=torch.tensor([ids])).logits[0], -1)
    tokens = ids[len(prompt):]
    # Virtual tokens stand before the prompt and have logits as well.
    logprobs = [float(wide[at - len(tokens) - 1, token]) for at, token in enumerate(tokens)]
    stray = max(abs(a - b) for a, b in zip(narrow, logprobs))
    return tokens, next((at for at, gap in enumerate(gaps) if gap < 1e-3), len(tokens)), logprobs, stray


def main():
    if len(sys.argv) not in (3, 4):
        print(__doc__)
        sys.exit(2)
    out, seed = Path(sys.argv[1]), int(sys.argv[2])
    warnings.simplefilter("ignore")
    models = {}
    for name in ("untied", "tied"):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(tiny(name == "tied"))
        for key, parameter in model.named_parameters():
            if key.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.1)
        model.save_pretrained(out / name)
        models[out / name] = [everywhere, {"untied": untied, "tied": tied}[name]]
    if len(sys.argv) == 4:
        models[Path(sys.argv[3])] = [everywhere]
    cases = []
    for number, (folder, tables) in enumerate(models.items()):
        draw = random.Random(f"{seed} {number}")
        config = LlamaConfig.from_pretrained(folder)
        settings = [case for table in tables
                    for case in (table(draw, config.num_hidden_layers) if table is everywhere else table(draw))]
        for name, adapter in settings:
            base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
            torch.manual_seed(draw.randrange(2**31))
            model = get_peft_model(base, adapter)
            perturb(model, torch.Generator().manual_seed(draw.randrange(2**31)))
            target = out / "adapters" / f"{folder.name}-{name}"
            model.save_pretrained(target)
            # As anybody else would get it, base weights included.
            base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
            prompt = [draw.randrange(3, config.vocab_size) for _ in range(draw.randrange(3, 12))]
            with torch.no_grad():
                plain = base(input_ids=torch.tensor([prompt])).logits[0, -1]
                model = PeftModel.from_pretrained(base, target).eval()
                effect = float((model(input_ids=torch.tensor([prompt])).logits[0, -1] - plain).abs().max())
            # Else the case could not fail.
            assert effect > 1e-2, f"{target} changes nothing"
            tokens, sure, logprobs, stray = continued(model, prompt)
            cases.append(dict(model=str(folder), adapter=str(target), prompt_ids=prompt, token_ids=tokens, logprobs=logprobs, stray=stray, sure=sure))
    (out / "cases.json").write_text(json.dumps(cases))
    print(f"{len(cases)} adapters, {sum(case['sure'] for case in cases)} sure tokens")


main()
