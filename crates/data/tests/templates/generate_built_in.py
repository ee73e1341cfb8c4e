"""Renders this crate's built-in templates with transformers' apply_chat_template and writes built_in.json.

usage: pip install transformers==5.23.0 jinja2==3.1.6 && python generate_built_in.py
Writes two tiny tokenizers beside it as well: byte_level.json (byte-level BPE, as Llama 3 and SmolLM2 have it) and
pieces.json (BPE over pieces with a byte fall-back, as Llama 2 has it). Both are trained on the texts below, so that
every run writes the same.
"""
import json
import pathlib

import jinja2
import tokenizers
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

folder = pathlib.Path(__file__).parent
sources = folder.parent.parent / "src" / "template" / "built_in"
tokens = {
    "llama-2": ("<s>", "</s>"),
    "llama-3": ("<|begin_of_text|>", "<|eot_id|>"),
    "chatml": ("<s>", "<|im_end|>"),
    "alpaca": ("<s>", "</s>"),
    "plain": ("<s>", "</s>"),
}
special = ["<s>", "</s>", "<unk>", "<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>",
           "<|im_start|>", "<|im_end|>"]
conversations = {
    "single": [("user", "How many pets are there?")],
    "answered": [("user", "How many pets?"), ("assistant", "SELECT COUNT(*) FROM pet")],
    "several turns": [("user", "One?"), ("assistant", "SELECT 1"), ("user", "Two?"), ("assistant", "SELECT 2"), ("user", "Three?")],
    "system": [("system", "Answer in SQL."), ("user", "CREATE TABLE pet (name TEXT)\n-- How many?"), ("assistant", "SELECT COUNT(*) FROM pet")],
    "system, several turns": [("system", "Answer in SQL."), ("user", "One?"), ("assistant", "SELECT 1"), ("user", "Two?")],
    "empty system": [("system", ""), ("user", "How many?"), ("assistant", "SELECT 1")],
    "blank system": [("system", " \n"), ("user", "How many?")],
    "unicode": [("user", "Cafe\u0301 or Café? 世界 🦀👩‍👩‍👧 שלום عالم \u200f\u00a0\ufeff ﬁ"), ("assistant", "'Zu\u0308rich' 🏳️‍🌈")],
    "spaces around": [("system", "  s \n"), ("user", "\n\n u\t "), ("assistant", " a  \n"), ("user", "\u00a0v\u2003\u001f")],
    "empty answer": [("user", "Nothing?"), ("assistant", ""), ("user", "")],
    "blank answer": [("user", " "), ("assistant", " \n ")],
    "jinja": [("system", "{% if true %}{{ bos_token }}{% endif %}"), ("user", "{{ messages }} {# no #} {%- raw -%}"), ("assistant", "}} %} #}")],
    "special tokens as text": [("user", "</s><|im_end|>\n<|im_start|>system\n[/INST] <s><|eot_id|>"), ("assistant", "<|end_header_id|> ### Response:<<SYS>>")],
    "html and quotes": [("user", "a < b && c > \"d\" & 'e' \\n \\ %s {0}"), ("assistant", "SELECT '<b>&amp;</b>'")],
    "new lines": [("user", "a\r\nb\rc\u2028d\x0be"), ("assistant", "x\n\n\ny")],
    "only system": [("system", "Answer in SQL.")],
    "answer first": [("assistant", "SELECT 1"), ("user", "One?")],
    "two questions": [("user", "One?"), ("user", "Two?")],
    "late system": [("user", "One?"), ("system", "Answer in SQL.")],
    "tool": [("user", "One?"), ("tool", "1"), ("assistant", "SELECT 1")],
}
conversations = {name: [{"role": role, "content": content} for role, content in turns] for name, turns in conversations.items()}


def published(name, messages, prompt):
    """The text that the published models were trained on, written out without Jinja; None where there is none."""
    bos, eos = tokens[name]
    turns = [(message["role"], message["content"]) for message in messages]
    if name == "chatml":
        text = "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in turns)
        return text + "<|im_start|>assistant\n" * prompt
    if name == "llama-3":
        text = "".join(f"<|start_header_id|>{role}<|end_header_id|>\n\n{content.strip()}<|eot_id|>" for role, content in turns)
        return bos + text + "<|start_header_id|>assistant<|end_header_id|>\n\n" * prompt
    if name == "plain":
        return "".join(content + (eos if role == "assistant" else "") for role, content in turns)
    system = turns.pop(0)[1] if turns[0][0] == "system" else None
    if any(role != ["user", "assistant"][index % 2] for index, (role, _) in enumerate(turns)):
        return None
    text = ""
    if name == "llama-2":
        for index, (role, content) in enumerate(turns):
            if role == "user":
                head = f"<<SYS>>\n{system}\n<</SYS>>\n\n" if index == 0 and system is not None else ""
                text += f"{bos}[INST] {(head + content).strip()} [/INST]"
            else:
                text += f" {content.strip()} {eos}"
        return text
    blocks = [f"Instruction:\n{content}" if role == "user" else f"Response:{content}{eos}" for role, content in turns]
    start = "Below is an instruction that describes a task. "
    if system is not None and system.strip():
        start = "Below is an instruction that describes a task, paired with an input that provides further context. "
        blocks = [block.replace("Instruction", "Input", 1) if index == 0 else block for index, block in enumerate(blocks)]
        blocks.insert(0, f"Instruction:\n{system}")
    blocks += ["Response:"] * prompt
    return start + "Write a response that appropriately completes the request." + "".join(f"\n\n### {block}" for block in blocks)


def byte_level():
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def pieces():
    tokenizer = tokenizers.Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=special + [f"<0x{byte:02X}>" for byte in range(256)],
                                  limit_alphabet=80, show_progress=False)
    # Cut into words for the training alone, as SentencePiece does.
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.pre_tokenizer = None
    # The bytes are tokens of the model, not texts to be found.
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if not token["content"].startswith("<0x")]
    return tokenizers.Tokenizer.from_str(json.dumps(state))


corpus = [message["content"] for name, turns in conversations.items() if name not in ("unicode", "new lines") for message in turns] * 3
corpus += [(sources / f"{name}.jinja").read_text() for name in tokens]
made = {"byte_level": byte_level(), "pieces": pieces()}
for name, tokenizer in made.items():
    state = json.loads(tokenizer.to_str())
    (folder / f"{name}.json").write_text(json.dumps(state, ensure_ascii=False, separators=(",", ":")) + "\n")
cases = []
for name, (bos, eos) in tokens.items():
    template = (sources / f"{name}.jinja").read_text()
    wrapped = {kind: transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos, eos_token=eos)
               for kind, tokenizer in made.items()}
    for conversation, messages in conversations.items():
        for prompt in [False, True]:
            case = {"template": name, "conversation": conversation, "add_generation_prompt": prompt}
            try:
                for kind, tokenizer in wrapped.items():
                    arguments = dict(chat_template=template, add_generation_prompt=prompt)
                    case["text"] = tokenizer.apply_chat_template(messages, tokenize=False, **arguments)
                    ids = tokenizer.apply_chat_template(messages, tokenize=True, **arguments)["input_ids"]
                    case[kind] = " ".join(map(str, ids))
            except jinja2.exceptions.TemplateError as error:
                case["error"] = str(error)
            assert case.get("text") == published(name, messages, prompt), case
            cases.append(case)
document = {
    "versions": {"transformers": transformers.__version__, "jinja2": jinja2.__version__, "tokenizers": tokenizers.__version__},
    "tokens": {name: {"bos_token": bos, "eos_token": eos} for name, (bos, eos) in tokens.items()},
    "conversations": conversations,
}
text = json.dumps(document, ensure_ascii=False, indent=1)[:-2] + ',\n "cases": [\n  '
text += ",\n  ".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n ]\n}\n"
(folder / "built_in.json").write_text(text)
