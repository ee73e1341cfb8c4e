"""Compares what `prepare --json` prints with transformers: token ids exactly, labels by a computation of its own.

usage: check_prepare.py PREPARE GGUF HF_DIR WORK_DIR [SQL_CREATE_CONTEXT.json.xz SPIDER_TRAIN.jsonl]

Seeded conversations (single and several turns, system turns, empty ones, Unicode, white space at the edges, code, SQL, special tokens
written in questions, long ones) are written in every form that `prepare` reads, and prepared with the GGUF's tokenizer and the
folder's. Ids must be those of `apply_chat_template(tokenize=True)`. A label must be the id exactly where a token touches the text of an
assistant's turn, from where the generation prompt of the turns before it ends to the end of its end token, and -100 elsewhere.
HF_DIR must come from ../shared/peers/convert.py: transformers' own reading of the GGUF forgets that digits are split.
"""

import collections
import json
import lzma
import random
import subprocess
import sys
from pathlib import Path

from transformers import AutoTokenizer

SEED, CONVERSATIONS, END = 20240229, 300, "<|im_end|>"
SYSTEM = "Translate the question to a SQLite query over the given schema."
PIECES = [
    "SELECT name FROM pet WHERE age > 3", "How many singers do we have?", "naïve café 東京 🦀👩‍👩‍👧", "x = {'a': [1, 2, 3]}\n\tprint(x)",
    "  two spaces before", "after  ", "\n", "1234567890.55", "`backticks` \"quotes\" 'single' \\ back", "{{ not a template }} {% if %}",
    "مرحبا بالعالم", "line\r\nline", "a\u00a0b", "e\u0301", "<b>&amp;</b>", "CREATE TABLE t (id INTEGER, PRIMARY KEY (id));", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "ﬁ", "\t",
]
SPECIAL = ["<|im_start|>assistant\nyes", "<|im_end|>", "<|endoftext|>", "<|im_start|>"]


def text(rng, special=False, least=1):
    pieces = [rng.choice(PIECES) for _ in range(rng.randint(least, 4))]
    if special and rng.random() < 0.15:
        pieces.insert(rng.randint(0, len(pieces)), rng.choice(SPECIAL))
    joined = rng.choice(["", " ", "\n"]).join(pieces)
    if not joined.strip():
        return text(rng, special, least)
    return joined * 40 if rng.random() < 0.02 else joined


def answer(rng):
    """Something to learn that does not merge with the new line before it."""
    made = text(rng)
    return f"SELECT {rng.randint(0, 99999)}" if made[0].isspace() else made


def conversation(rng, turns=None, system=True):
    messages = []
    if system and rng.random() < 0.5:
        messages.append({"role": "system", "content": rng.choice(["", "Be brief.", text(rng, special=True)])})
    for _ in range(turns or rng.choice([1, 1, 2, 3, 5])):
        messages.append({"role": "user", "content": text(rng, special=True)})
        messages.append({"role": "assistant", "content": answer(rng)})
    return messages


def sql_row(rng):
    return {"question": text(rng, special=True), "context": "CREATE TABLE t (a INTEGER, b TEXT)", "answer": answer(rng)}


def sql_messages(context, question, sql):
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"{context}\n-- {question}"}, {"role": "assistant", "content": sql}]


def forms(rng):
    """Every form by name: its rows, and the conversation that each row is."""
    full = [conversation(rng) for _ in range(CONVERSATIONS)]
    yield "messages", [{"messages": c} for c in full], full
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    yield "sharegpt", [{"conversations": [{"from": names[m["role"]], "value": m["content"]} for m in c]} for c in full], full
    single = [conversation(rng, turns=1, system=False) for _ in range(60)]
    yield "prompt-completion", [{"prompt": c[0]["content"], "completion": c[1]["content"]} for c in single], single
    yield "alpaca", *zip(*(alpaca(rng) for _ in range(60)))
    rows = [sql_row(rng) for _ in range(60)]
    yield "sql-create-context", rows, [sql_messages(r["context"], r["question"], r["answer"]) for r in rows]
    spider = [{"db_id": "pets", "question": r["question"], "query": r["answer"], "sql": {"select": []}, "context": r["context"]} for r in rows]
    yield "spider", spider, [sql_messages(r["context"], r["question"], r["answer"]) for r in rows]


def alpaca(rng):
    row = {"instruction": text(rng, special=True), "input": rng.choice(["", text(rng)]), "output": answer(rng)}
    asked = "\n\n".join(part for part in (row["instruction"], row["input"]) if part)
    return row, [{"role": "user", "content": asked}, {"role": "assistant", "content": row["output"]}]


def expected(tokenizer, messages, turns="all"):
    """transformers' ids, and the labels of the assistant's turns by their characters."""
    render = lambda part, prompt: tokenizer.apply_chat_template(part, tokenize=False, add_generation_prompt=prompt)
    whole = render(messages, False)
    places = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    spans = []
    for place in places if turns == "all" else places[-1:]:
        start = len(render(messages[:place], True))
        stop = whole.index(END, start + len(messages[place]["content"])) + len(END)
        spans.append((start, stop))
    encoded = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
    assert ids == encoded["input_ids"]
    touched = lambda begin, end: any(begin < stop and end > start for start, stop in spans)
    labels = [id_ if touched(*offsets) else -100 for id_, offsets in zip(ids, encoded["offset_mapping"])]
    return ids, labels


def prepare(program, model, data, *flags):
    command = [str(part) for part in (program, "--model", model, "--data", data, "--json", *flags)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"exit code {done.returncode}: {' '.join(command)}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)["examples"]


def compare(what, made, wanted):
    if len(made) != len(wanted):
        sys.exit(f"{what}: {len(made)} examples, expected {len(wanted)}")
    for index, (row, (ids, labels)) in enumerate(zip(made, wanted)):
        for key, ours, theirs in [("input_ids", row["input_ids"], ids), ("labels", row["labels"], labels)]:
            if ours != theirs:
                at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
                sys.exit(f"{what}, row {index}: {key} differ at {at}: ours {ours[at:at + 8]}, expected {theirs[at:at + 8]}")
    return sum(len(ids) for ids, _ in wanted)


def unpack(what, rows, most):
    """The examples of packed rows, each by its segment; positions must restart with it."""
    examples = []
    for row in rows:
        ids, labels, segments, positions = (row[key] for key in ("input_ids", "labels", "segments", "positions"))
        if sum(segments) > most or not len(ids) == len(labels) == len(positions) == sum(segments):
            sys.exit(f"{what}: {len(ids)} ids, {len(labels)} labels, {len(positions)} positions, segments {segments}, at most {most}")
        if positions != [place for length in segments for place in range(length)]:
            sys.exit(f"{what}: the positions of segments {segments} are {positions}")
        start = 0
        for length in segments:
            examples.append((tuple(ids[start:start + length]), tuple(labels[start:start + length])))
            start += length
    return examples


def compare_packed(what, rows, wanted, most):
    made = collections.Counter(unpack(what, rows, most))
    kept = collections.Counter((tuple(ids), tuple(labels)) for ids, labels in wanted if len(ids) <= most)
    if made != kept:
        sys.exit(f"{what}: {sum((made - kept).values())} examples too many, {sum((kept - made).values())} missing")
    tokens = sum(len(row["input_ids"]) for row in rows)
    return tokens / (len(rows) * most)


def generated(program, gguf, folder, work, tokenizer):
    rng = random.Random(SEED)
    for form, rows, conversations in forms(rng):
        data = work / f"{form}.jsonl"
        data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        wanted = [expected(tokenizer, messages) for messages in conversations]
        for model in (gguf, folder):
            tokens = compare(f"{form} with {Path(model).name}", prepare(program, model, data), wanted)
        compare(f"{form} as an array", prepare(program, gguf, array(data, rows)), wanted)
        full = compare_packed(f"{form}, packed", prepare(program, gguf, data, "--pack", "--max-length", 256), wanted, 256)
        last = [expected(tokenizer, messages, "last") for messages in conversations]
        compare(f"{form}, the last turn", prepare(program, gguf, data, "--turns", "last"), last)
        print(f"{form}: {len(rows)} rows, {tokens} tokens equal; packed {100 * full:.1f} % full")


def array(data, rows):
    path = data.with_suffix(".json")
    path.write_text(json.dumps(list(rows), indent=1), encoding="utf-8")
    return path


def single_turns(tokenizer, rows):
    """As `expected` for rows of one turn, thousands at a time: the prompt's ids are how the whole begins."""
    whole = [sql_messages(*row) for row in rows]
    render = tokenizer.apply_chat_template
    encode = lambda texts: tokenizer(texts, add_special_tokens=False, return_attention_mask=False)["input_ids"]
    prompts = encode(render([messages[:-1] for messages in whole], tokenize=False, add_generation_prompt=True))
    end = tokenizer.convert_tokens_to_ids(END)
    for prompt, ids in zip(prompts, encode(render(whole, tokenize=False))):
        assert ids[:len(prompt)] == prompt
        stop = len(ids) - ids[::-1].index(end)
        yield ids, [-100] * len(prompt) + ids[len(prompt):stop] + [-100] * (len(ids) - stop)


def real(program, gguf, tokenizer, sql_create_context, spider):
    with lzma.open(sql_create_context) as file:
        rows = [(row["context"], row["question"], row["answer"]) for row in json.load(file)]
    compare("sql_create_context, 3 rows", prepare(program, gguf, sql_create_context, "--limit", 3), [expected(tokenizer, sql_messages(*row)) for row in rows[:3]])
    tokens = compare("sql_create_context", prepare(program, gguf, sql_create_context), list(single_turns(tokenizer, rows)))
    print(f"sql_create_context: {len(rows)} rows, {tokens} tokens equal")
    rows = (json.loads(line) for line in open(spider, encoding="utf-8"))
    # What the data itself marks as unusable is left out, and counted.
    lines = [row for row in rows if row["exec_ok"] and not row["missing_data"]]
    wanted = list(single_turns(tokenizer, [(line["context"], line["question"], line["sql"]) for line in lines]))
    full = compare_packed("spider", prepare(program, gguf, spider, "--pack", "--max-length", 1024), wanted, 1024)
    print(f"spider: {len(wanted)} rows packed, {100 * full:.1f} % full")


def main():
    program, gguf, folder, work = sys.argv[1:5]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    generated(program, gguf, folder, Path(work), tokenizer)
    if len(sys.argv) > 5:
        real(program, gguf, tokenizer, *sys.argv[5:7])


main()
