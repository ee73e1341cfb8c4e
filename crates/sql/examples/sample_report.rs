//! Writes a report page of invented questions, to look at: ordinary ones, and hostile ones.
//!
//!     cargo run --release -p anneal-sql --example sample_report -- --out FOLDER [--questions 300]
//!
//! Gives `one.html` (one report), `two.html` (before and after), `report.json`, `lines.jsonl`, and prints the tables.

#![allow(clippy::print_stdout)] // the tables are for a terminal

use std::path::PathBuf;

use anneal_sql::{
    Budget, Comparison, Example, Failure, Hardness, Meta, Origin, Preview, Report, Shown, Value,
};
use clap::Parser;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Parser)]
struct Flags {
    /// Where to write; made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// How many questions.
    #[arg(long, default_value_t = 300)]
    questions: usize,
}

const DATABASES: [&str; 9] = [
    "orchard",
    "lighthouse_keepers",
    "night_trains",
    "bell_foundry",
    "city_bees",
    "ferry_log",
    "glaciers",
    "a_database_with_a_very_long_name_indeed_that_somebody_chose",
    "<b>tag & \"quote\"</b>",
];

const SCHEMA: &str = "CREATE TABLE keeper (\n  id INTEGER PRIMARY KEY,\n  name TEXT, -- as in the register\n  born INTEGER\n);\nCREATE TABLE lamp (\n  id INTEGER PRIMARY KEY,\n  keeper_id INTEGER REFERENCES keeper(id),\n  lumen REAL\n);";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags::parse();
    std::fs::create_dir_all(&flags.out)?;
    let report = |name: &str, seed, skill| {
        let source = Origin::Generated { each: 11, seed: 7 };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let examples = (0..flags.questions)
            .map(|index| example(index, &mut random, skill))
            .collect();
        Report::new(Meta::new(name, source, false, &Budget::default()), examples)
    };
    let (before, after) = (
        report("base model", 1, 0.55),
        report("with adapter, 3 epochs", 2, 0.8),
    );
    let files = [
        ("one.html", after.to_html()),
        ("two.html", after.to_html_against(&before)?),
        ("report.json", after.to_json()?),
    ];
    for (name, text) in files {
        std::fs::write(flags.out.join(name), text)?;
    }
    after.write_lines(std::fs::File::create(flags.out.join("lines.jsonl"))?)?;
    println!(
        "{}\n{}",
        after.to_text(),
        Comparison::of(&before, &after)?.to_text()
    );
    Ok(())
}

/// Question, gold and wrong prediction of every kind; the later ones are hostile.
fn texts(index: usize) -> [String; 3] {
    let year = 1850 + index % 40;
    match index % 12 {
        0 => ["How many keepers are there?".into(), "SELECT count(*) FROM keeper".into(), "SELECT count(id) FROM keepers".into()],
        1 => [format!("Names of keepers born after {year}, youngest first"), format!("SELECT name FROM keeper WHERE born > {year} ORDER BY born DESC"), format!("SELECT name FROM keeper WHERE born >= {year} ORDER BY born")],
        2 => ["Which keeper tends the brightest lamp?".into(), "SELECT T1.name FROM keeper AS T1 JOIN lamp AS T2 ON T1.id = T2.keeper_id ORDER BY T2.lumen DESC LIMIT 1".into(), "SELECT name, max(lumen) FROM keeper JOIN lamp ON keeper.id = lamp.id".into()],
        3 => ["</script><script>document.title='broken'</script> & <img src=x onerror=\"document.title='broken'\">".into(), "SELECT '<!-- <script>' FROM keeper -- ]]>".into(), "SELECT '</script>\u{2028}\u{2029}' FROM keeper".into()],
        4 => ["كم عدد الحراس الذين ولدوا بعد 1850؟".into(), "SELECT count(*) FROM keeper WHERE born > 1850".into(), "SELECT count(*) FROM keeper WHERE name = 'עברית \u{202e}txt.exe' --\u{200b}".into()],
        5 => ["A prediction that goes on and on".into(), "SELECT name FROM keeper WHERE id IN (1, 2, 3)".into(), format!("SELECT name FROM keeper WHERE id IN ({})", (0..3_000).map(|id| id.to_string()).collect::<Vec<_>>().join(", "))],
        6 => ["Every column of everything".into(), "SELECT * FROM wide".into(), "SELECT * FROM wide ORDER BY 1 DESC".into()],
        7 => ["NULLs, blobs, empty text, numbers at the edge".into(), "SELECT a, b, c FROM odd".into(), "SELECT c, a, b FROM odd WHERE a IS NOT NULL".into()],
        8 => ["A question that has no answer from the model".into(), "SELECT avg(lumen) FROM lamp".into(), String::new()],
        9 => ["Aword".repeat(80), "SELECT born, count(*) FROM keeper GROUP BY born HAVING count(*) > 1".into(), "I think you want to group by the year of birth.".into()],
        10 => ["Keepers without a lamp".into(), "SELECT name FROM keeper WHERE id NOT IN (SELECT keeper_id FROM lamp)".into(), "SELECT name FROM keeper EXCEPT SELECT T1.name FROM keeper AS T1 JOIN lamp AS T2 ON T1.id = T2.keeper_id".into()],
        _ => ["{{data}} __proto__ constructor ${x} `tick` \\u003c \u{1b}[31mred".into(), "SELECT \"toString\" FROM \"__proto__\"".into(), "DROP TABLE keeper; SELECT 1".into()],
    }
}

fn example(index: usize, random: &mut ChaCha8Rng, skill: f64) -> Example {
    use Failure::{
        BudgetExceeded, Empty, NotSql, SeveralStatements, UnknownColumn, UnknownTable,
        WrongColumns, WrongOrder, WrongRows,
    };
    const LEVELS: [Hardness; 4] = [
        Hardness::Easy,
        Hardness::Medium,
        Hardness::Hard,
        Hardness::Extra,
    ];
    let [question, gold, wrong] = texts(index);
    let level = index * 7 % 5;
    let is_match = random.random_bool(skill - 0.1 * level as f64) && index % 12 != 8;
    let failure = (!is_match).then_some(match index % 12 {
        0 => UnknownTable,
        1 => WrongOrder,
        2 => WrongColumns,
        4 => Empty,
        5 if index % 24 == 5 => BudgetExceeded,
        8 | 9 => NotSql,
        11 => SeveralStatements,
        7 if index % 24 == 7 => UnknownColumn,
        _ => WrongRows,
    });
    let runs = matches!(
        failure,
        None | Some(WrongColumns | WrongOrder | WrongRows | Empty)
    );
    let gold_fails = index % 41 == 40;
    let gold_rows = rows(index, 0);
    let predicted_rows = if is_match {
        gold_rows.clone()
    } else {
        rows(index, 1)
    };
    let soft_f1 = if is_match {
        1.0
    } else if runs {
        random.random_range(0..8) as f64 / 10.0
    } else {
        0.0
    };
    Example {
        index,
        db_id: DATABASES[index / 2 * 5 % DATABASES.len()].into(),
        question,
        predicted: (index % 12 != 8).then(|| if is_match { gold.to_lowercase() } else { wrong }),
        gold,
        is_match,
        exact: is_match && index.is_multiple_of(3),
        normalised: is_match && index % 3 != 1,
        components: (level < 4).then_some(is_match && index % 4 != 1),
        hardness: LEVELS.get(level).copied(),
        bird: is_match && !index.is_multiple_of(9),
        soft_f1,
        subset: is_match,
        r_ves: None,
        failure,
        error: failure.map(|failure| match failure {
            UnknownTable => "no such table: keepers".into(),
            UnknownColumn => "no such column: <i>lumen</i> \u{202e}desrever".into(),
            BudgetExceeded => "the query took more than 100000000 operations".into(),
            _ => format!(
                "gold has {} rows, the prediction {}",
                gold_rows.total, predicted_rows.total
            ),
        }),
        gold_error: gold_fails.then(|| "no such function: CONCAT_WS<script>".into()),
        shown: Some(Shown {
            schema: format!("{SCHEMA}\n-- {}", DATABASES[index % DATABASES.len()]),
            database: format!("generated {}", index % 11),
            gold: (!gold_fails).then_some(gold_rows),
            predicted: (runs && !gold_fails).then_some(predicted_rows),
        }),
    }
}

/// Results by kind; `side` 0 is the gold's.
fn rows(index: usize, side: i64) -> Preview {
    let text = |text: &str| Value::Text(text.into());
    let (columns, rows): (Vec<String>, Vec<Vec<Value>>) = match index % 12 {
        0 | 4 if side == 1 => (vec!["count(*)".into()], vec![]),
        0 | 4 => (
            vec!["count(*)".into()],
            vec![vec![Value::Integer(i64::MAX)]],
        ),
        1 => {
            let mut rows: Vec<_> = ["Ada", "Björn", "Çelik", "Đorđe"]
                .map(|name| vec![text(name)])
                .into();
            if side == 1 {
                rows.reverse();
            }
            (vec!["name".into()], rows)
        }
        2 if side == 1 => (
            vec!["name".into(), "max(lumen)".into()],
            vec![vec![text("Ada"), Value::Real(0.1 + 0.2)]],
        ),
        3 => (
            vec!["<script>".into()],
            vec![vec![text(if side == 0 {
                "<!-- <script>"
            } else {
                "</script>\u{2028}"
            })]],
        ),
        6 => {
            let columns = (0..40).map(|column| format!("column_{column}")).collect();
            let row = |row: i64| {
                (0..40)
                    .map(|column| {
                        Value::Integer(
                            row * column + if row == 3 && column == 17 { side } else { 0 },
                        )
                    })
                    .collect()
            };
            (columns, (0..12).map(row).collect())
        }
        7 if side == 0 => (
            ["a", "b", "c"].map(String::from).into(),
            vec![
                vec![Value::Null, Value::Blob(vec![0, 255, 60]), text("")],
                vec![
                    Value::Integer(3),
                    Value::Real(-0.0),
                    text(&"long ".repeat(200)),
                ],
                vec![
                    Value::Integer(9_007_199_254_740_993),
                    Value::Real(1e300),
                    text("NULL"),
                ],
            ],
        ),
        7 => (
            ["c", "a", "b"].map(String::from).into(),
            vec![
                vec![
                    text(&"long ".repeat(200)),
                    Value::Real(3.0),
                    Value::Integer(0),
                ],
                vec![
                    Value::Null,
                    Value::Integer(9_007_199_254_740_992),
                    Value::Real(1e300),
                ],
            ],
        ),
        _ => (
            vec!["name".into(), "born".into()],
            (0..20 + 3 * side)
                .map(|row| {
                    vec![
                        text(&format!("Keeper {}", row / 2)),
                        Value::Integer(1850 + row * (1 + side)),
                    ]
                })
                .collect(),
        ),
    };
    Preview {
        total: rows.len() * if index % 12 == 10 { 25 } else { 1 },
        columns,
        rows,
    }
}
