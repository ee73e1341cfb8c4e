"""Writes the held-out questions that ../shared/peers/torch_sft.py measures on, in its order.

usage: select_questions.py SPIDER_DIR OUT.jsonl [COUNT]

Every tenth database (sorted) is held out; rows whose gold runs, whose data are there and whose result is not empty
are shuffled with Python's generator at seed 0, and the first COUNT (200) are taken.
"""
import json, random, sys

spider, out = sys.argv[1:3]
count = int(sys.argv[3]) if len(sys.argv) > 3 else 200
random.seed(0)
rows = [json.loads(line) for line in open(f"{spider}/train.jsonl", encoding="utf-8")]
rows = [r for r in rows if r["exec_ok"] and not r["missing_data"]]
held_out = set(sorted({r["db_id"] for r in rows})[::10])
valid = [r for r in rows if r["db_id"] in held_out and r["n_rows"]]
random.shuffle(valid)
with open(out, "w", encoding="utf-8") as file:
    for row in valid[:count]:
        file.write(json.dumps(row) + "\n")
print(f"{min(count, len(valid))} of {len(valid)} questions over {len(held_out)} databases")
