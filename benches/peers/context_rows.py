"""Writes sql-create-context's rows as ../shared/peers/torch_sft.py reads them, without those that our run held out or left out.

usage: context_rows.py ROWS.json(.xz) RUN_DIR OUT_DIR [COUNT]

RUN_DIR is the output folder of `finetune` on the same file. OUT_DIR/train.jsonl has every other row under one database
name, and one row that is never trained under the name which the script holds out. OUT_DIR/questions.jsonl has COUNT (200)
of the held-out questions, evenly spaced: those that `evaluate` is to measure both on.
"""
import json, lzma, os, sys

source, run, out = sys.argv[1:4]
count = int(sys.argv[4]) if len(sys.argv) > 4 else 200
os.makedirs(out, exist_ok=True)
with (lzma.open if source.endswith(".xz") else open)(source, "rt", encoding="utf-8") as file:
    rows = json.load(file)
held_out = [json.loads(line) for line in open(f"{run}/held_out.jsonl", encoding="utf-8")]
left_out = [json.loads(line) for line in open(f"{run}/left_out.jsonl", encoding="utf-8")]
apart = {row["question"].strip() for row in held_out} | {row["question"].strip() for row in left_out if row.get("question")}
with open(f"{out}/train.jsonl", "w", encoding="utf-8") as file:
    def write(db_id, row):
        fields = {"db_id": db_id, "question": row["question"], "sql": row["answer"], "context": row["context"],
                  "exec_ok": True, "missing_data": False, "n_rows": 1}
        file.write(json.dumps(fields) + "\n")

    # Of the names in order the first is held out.
    write("a", rows[0])
    kept = [row for row in rows if row["question"].strip() not in apart]
    for row in kept:
        write("train", row)
step = max(len(held_out) // count, 1)
with open(f"{out}/questions.jsonl", "w", encoding="utf-8") as file:
    chosen = held_out[: step * count : step]
    for row in chosen:
        file.write(json.dumps(row) + "\n")
print(f"{len(kept)} of {len(rows)} rows to learn from, {len(chosen)} of {len(held_out)} questions")
