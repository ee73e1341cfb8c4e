"""Verdicts of Spider's official scripts, to compare anneal-sql with.

    python3 spider_oracle.py --scripts DIR --databases DIR --pairs pairs.jsonl --out verdicts.jsonl

DIR of --scripts holds process_sql.py and evaluation.py of taoyds/test-suite-sql-eval (or a fork with the same
functions); nothing of them is copied here. Needs nltk. `word_tokenize` is called with preserve_line=True, which needs
no punkt data: SQL is one sentence. Each line of pairs.jsonl has db_id, gold, predicted; DIR of --databases has
<db_id>/<db_id>.sqlite. With --schema FILE instead of --databases, one schema in the form of tables.json serves all pairs.
"""

import argparse
import functools
import json
import sqlite3
import sys
import types

PARTS = ["select", "select(no AGG)", "where", "where(no OP)", "group(no Having)", "group", "order", "and/or", "IUEN",
         "keywords"]
EMPTY = {"except": None, "from": {"conds": [], "table_units": []}, "groupBy": [], "having": [], "intersect": None,
         "limit": None, "orderBy": [], "select": [False, []], "union": None, "where": []}


def load(folder):
    """The two modules; what they import besides and we do not call is left empty."""
    sys.path.insert(0, folder)
    for name in ["exec_eval", "func_timeout"]:
        sys.modules[name] = types.ModuleType(name)
    sys.modules["exec_eval"].eval_exec_match = None
    sys.modules["func_timeout"].func_timeout = sys.modules["func_timeout"].FunctionTimedOut = None
    import evaluation
    import process_sql
    process_sql.word_tokenize = functools.partial(process_sql.word_tokenize, preserve_line=True)
    return evaluation, process_sql


def entry_of(path):
    """The part of tables.json that matters, read from a SQLite file in the order of Spider's get_tables.py."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
    columns = [[-1, "*"]]
    for number, table in enumerate(tables):
        columns += [[number, row[1]] for row in connection.execute(f'PRAGMA table_info("{table}")')]
    place = {}
    for at, (number, column) in enumerate(columns):
        if number >= 0:
            place.setdefault((tables[number].lower(), column.lower()), at)
    keys = []
    for table in tables:
        for row in connection.execute(f'PRAGMA foreign_key_list("{table}")'):
            target, source_column, column = row[2], row[3], row[4]
            if column is None:
                primary = sorted((row[5], row[1]) for row in connection.execute(f'PRAGMA table_info("{target}")') if row[5])
                column = primary[row[1]][1] if row[1] < len(primary) else ""
            pair = place.get((table.lower(), source_column.lower())), place.get((target.lower(), column.lower()))
            if None not in pair:
                keys.append(list(pair))
    return {"table_names_original": tables, "column_names_original": columns, "foreign_keys": keys}


def schema_of(entry, process_sql):
    schema = {table.lower(): [] for table in entry["table_names_original"]}
    for number, column in entry["column_names_original"]:
        if number >= 0:
            schema[entry["table_names_original"][number].lower()].append(column.lower())
    return process_sql.Schema(schema)


def judge(evaluation, process_sql, schema, kmap, gold, predicted):
    """As the loop of evaluate() in evaluation.py, for --etype match."""
    verdict = {}
    try:
        g = process_sql.get_sql(schema, gold)
        verdict["hardness"] = evaluation.Evaluator().eval_hardness(g)
    except Exception as error:
        return {"gold_error": f"{type(error).__name__}: {error}"}
    try:
        p = process_sql.get_sql(schema, predicted.replace(" value ", " 1 "))
        verdict["parsed"] = True
    except Exception as error:
        p = json.loads(json.dumps(EMPTY))
        verdict["parsed"] = False
    try:
        sides = []
        for sql in (g, p):
            units = evaluation.build_valid_col_units(sql["from"]["table_units"], schema)
            sides.append(evaluation.rebuild_sql_col(units, evaluation.rebuild_sql_val(sql), kmap))
        evaluator = evaluation.Evaluator()
        verdict["exact"] = bool(evaluator.eval_exact_match(sides[1], sides[0]))
        verdict["partial"] = [[evaluator.partial_scores[part][key] for key in
                               ("acc", "rec", "f1", "label_total", "pred_total")] for part in PARTS]
    except Exception as error:
        verdict["crash"] = f"{type(error).__name__}: {error}"
    return verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scripts", required=True)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--databases")
    where.add_argument("--schema")
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    evaluation, process_sql = load(arguments.scripts)

    @functools.cache
    def database(name):
        if arguments.schema:
            entry = json.load(open(arguments.schema))
        else:
            entry = entry_of(f"{arguments.databases}/{name}/{name}.sqlite")
        return schema_of(entry, process_sql), evaluation.build_foreign_key_map(entry)

    with open(arguments.pairs) as pairs, open(arguments.out, "w") as out:
        for line in pairs:
            row = json.loads(line)
            verdict = judge(evaluation, process_sql, *database(row.get("db_id")), row["gold"], row["predicted"])
            out.write(json.dumps(verdict) + "\n")


if __name__ == "__main__":
    main()
