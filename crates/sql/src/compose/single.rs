//! Questions about the rows of one table.

use super::Shape;
use super::condition::Test;
use super::pen::{Draft, Pen, an, who};
use super::world::{ColumnFacts, Kind, TableFacts};

/// `a, b`, each after `alias`.
pub(super) fn select(columns: &[&ColumnFacts], alias: &str) -> String {
    let names: Vec<String> = columns
        .iter()
        .map(|column| format!("{alias}{}", column.sql))
        .collect();
    names.join(", ")
}

pub(super) fn compose(pen: &mut Pen<'_>, shape: Shape) -> Option<Draft> {
    match shape {
        Shape::Project | Shape::ProjectSeveral => project(pen, shape),
        Shape::Distinct => distinct(pen),
        Shape::Filter => filter(pen, Test::Compare),
        Shape::FilterBetween => filter(pen, Test::Between),
        Shape::FilterLike => filter(pen, Test::Like),
        Shape::FilterIn => filter(pen, Test::In),
        Shape::FilterAnd | Shape::FilterOr => filter_two(pen, shape == Shape::FilterAnd),
        Shape::FilterNull => filter_null(pen),
        Shape::Order => order(pen),
        Shape::Top => top(pen),
        Shape::TopSeveral => top_several(pen),
        _ => None,
    }
}

fn project(pen: &mut Pen<'_>, shape: Shape) -> Option<Draft> {
    let table = pen.table()?;
    let count = if shape == Shape::Project {
        1
    } else {
        2 + usize::from(pen.random.percent(30))
    };
    let columns = pen.several(table, count)?;
    let names: Vec<String> = columns
        .iter()
        .map(|column| column.noun.one.clone())
        .collect();
    let question = match pen.random.percent(30) {
        true => {
            let c = super::english::enumerate(&names, "and");
            pen.say(
                &[
                    "What is the {c} of each {t}?",
                    "Show the {c} of every {t}.",
                    "For each {t}, list the {c}.",
                    "Give the {c} of each {t}.",
                ],
                &[("c", &c), ("t", &table.noun.one)],
            )
        }
        false => {
            let of = pen.all(table);
            pen.list(&columns, &of)
        }
    };
    Some(Draft::new(
        question,
        format!("SELECT {} FROM {}", select(&columns, ""), table.sql),
    ))
}

fn distinct(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let column = pen.column(table, |column| {
        matches!(column.kind, Kind::Text | Kind::Year | Kind::Date)
            && column.nulls == 0
            && column.distinct < table.rows
    })?;
    let question = pen.say(
        &[
            "What are the different {c} of {t}?",
            "List the distinct {c} of all {t}.",
            "Show all the different {c} that the {t} have.",
            "Find the distinct {c} of the {t}.",
            "Which different {c} do the {t} have?",
            "Return each distinct {1} of the {t} once.",
        ],
        &[
            ("c", &column.noun.many),
            ("1", &column.noun.one),
            ("t", &table.noun.many),
        ],
    );
    Some(Draft::new(
        question,
        format!("SELECT DISTINCT {} FROM {}", column.sql, table.sql),
    ))
}

fn filter(pen: &mut Pen<'_>, test: Test) -> Option<Draft> {
    let table = pen.table()?;
    let condition = pen.condition(table, test, &[])?;
    let columns = pen.one_or_two(table)?;
    let shows = columns
        .iter()
        .any(|column| std::ptr::eq(*column, condition.column));
    if shows && (columns.len() == 1 || condition.sql("").contains(" = ")) {
        return None;
    }
    let clause = pen.clause(table, &condition);
    let of = pen.those(table, &clause);
    let start = format!("SELECT {} FROM {} WHERE ", select(&columns, ""), table.sql);
    let draft = Draft::new(
        pen.list(&columns, &of),
        format!("{start}{}", condition.sql("")),
    )
    .differs(format!("{start}1"));
    Some(match condition.twin("") {
        Some(twin) => draft.same(format!("{start}{twin}")),
        None => draft,
    })
}

fn filter_two(pen: &mut Pen<'_>, both: bool) -> Option<Draft> {
    let table = pen.table()?;
    let one = pen.condition(table, Test::Compare, &[])?;
    let two = pen.condition(table, Test::Compare, &[one.column])?;
    let columns = pen.one_or_two(table)?;
    let (word, operator) = if both { ("and", "AND") } else { ("or", "OR") };
    let clause = match pen.random.below(3) {
        0 => format!("with {} {word} {}", one.with, two.with),
        1 if both => {
            let which = if who(table) == "who" { "who" } else { "which" };
            format!(
                "whose {} {} and {which} have {}",
                one.property, one.says, two.with
            )
        }
        _ => format!("{} {word} {}", one.whose(), two.whose()),
    };
    let of = pen.those(table, &clause);
    let question = pen.list(&columns, &of);
    let start = format!("SELECT {} FROM {} WHERE ", select(&columns, ""), table.sql);
    let (one, two) = (one.sql(""), two.sql(""));
    let draft = Draft::new(question, format!("{start}{one} {operator} {two}"));
    // Each of the two must matter.
    Some(
        draft
            .differs(format!("{start}{one}"))
            .differs(format!("{start}{two}")),
    )
}

fn filter_null(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let column = pen.column(table, |column| {
        column.nulls > 0 && column.kind != Kind::Other && !column.values.is_empty()
    })?;
    let shown = pen.shown(table)?;
    if std::ptr::eq(shown, column) {
        return None;
    }
    let null = pen.random.percent(60);
    let clauses: &[&str] = match null {
        true => &[
            "whose {c} is missing",
            "whose {c} is unknown",
            "without a known {c}",
            "{h} have no {c} recorded",
            "whose {c} is not given",
        ],
        false => &[
            "whose {c} is known",
            "with a known {c}",
            "{h} have {a} recorded",
            "whose {c} is not missing",
        ],
    };
    let known = an(&column.noun.one);
    let clause = pen.say(
        clauses,
        &[("c", &column.noun.one), ("a", &known), ("h", who(table))],
    );
    let of = pen.those(table, &clause);
    let question = pen.list(&[shown], &of);
    let test = if null { "IS NULL" } else { "IS NOT NULL" };
    Some(Draft::new(
        question,
        format!(
            "SELECT {} FROM {} WHERE {} {test}",
            shown.sql, table.sql, column.sql
        ),
    ))
}

/// A column that sorts rows: without NULL, for which first and last would be a matter of taste.
pub(super) fn sorts(column: &ColumnFacts) -> bool {
    matches!(column.kind, Kind::Number | Kind::Year | Kind::Date)
        && column.nulls == 0
        && column.distinct > 1
}

/// How an order by a column is said.
pub(super) fn order_words(pen: &mut Pen<'_>, column: &ColumnFacts, down: bool, of: &str) -> String {
    let words: &[&str] = match (column.kind, down) {
        (Kind::Text, false) => &[
            "in alphabetical order of {k}",
            "sorted alphabetically by {k}",
            "ordered by {k} from A to Z",
            "in ascending order of {k}",
        ],
        (Kind::Text, true) => &[
            "in reverse alphabetical order of {k}",
            "sorted by {k} from Z to A",
            "in descending order of {k}",
            "ordered by {k} in descending order",
        ],
        (Kind::Year | Kind::Date, false) => &[
            "sorted by {k} from the earliest to the latest",
            "in chronological order of {k}",
            "in ascending order of {k}",
            "ordered by {k}, oldest first",
        ],
        (Kind::Year | Kind::Date, true) => &[
            "sorted by {k} from the latest to the earliest",
            "in descending order of {k}",
            "with the most recent {k} first",
            "ordered by {k}, latest first",
        ],
        (_, false) => &[
            "sorted by {k} in ascending order",
            "in ascending order of {k}",
            "ordered by {k} from lowest to highest",
            "sorted by {k}, smallest first",
        ],
        (_, true) => &[
            "sorted by {k} in descending order",
            "in descending order of {k}",
            "ordered by {k} from highest to lowest",
            "sorted by {k}, largest first",
        ],
    };
    let key = format!("{of}{}", column.noun.one);
    pen.say(words, &[("k", &key)])
}

fn order(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let key = pen.column(table, |column| {
        column.nulls == 0 && column.distinct > 1 && (sorts(column) || column.kind == Kind::Text)
    })?;
    let columns = pen.one_or_two(table)?;
    let down = pen.random.percent(50);
    let of = pen.all(table);
    let words = order_words(pen, key, down, "");
    let c = pen.columns(&columns);
    let question = pen.say(
        &[
            "List the {c} of {t} {o}.",
            "Show the {c} of {t} {o}.",
            "What are the {c} of {t}, {o}?",
            "Return the {c} of {t} {o}.",
            "Give the {c} of {t}, {o}.",
        ],
        &[("c", &c), ("t", &of), ("o", &words)],
    );
    let way = if down { " DESC" } else { "" };
    let names = select(&columns, "");
    let sql = format!(
        "SELECT {names} FROM {} ORDER BY {}{way}",
        table.sql, key.sql
    );
    Some(with_ties(
        Draft::new(question, sql.clone()),
        &sql,
        &columns,
        "",
        "",
    ))
}

/// Rows with equal keys must look the same: broken either way, the order is one.
pub(super) fn with_ties(
    draft: Draft,
    sorted: &str,
    columns: &[&ColumnFacts],
    alias: &str,
    limit: &str,
) -> Draft {
    let ties = |way: &str| {
        let names: Vec<String> = columns
            .iter()
            .map(|column| format!("{alias}{}{way}", column.sql))
            .collect();
        format!("{sorted}, {}{limit}", names.join(", "))
    };
    draft.same(ties("")).same(ties(" DESC"))
}

/// `the highest age`, and for some columns an adjective of the rows.
pub(super) fn extreme(pen: &mut Pen<'_>, column: &ColumnFacts, high: bool) -> String {
    let words: &[&str] = match (column.kind, high) {
        (Kind::Year | Kind::Date, true) => &["latest", "most recent"],
        (Kind::Year | Kind::Date, false) => &["earliest", "earliest", "oldest"],
        (_, true) => &["highest", "largest", "greatest", "maximum"],
        (_, false) => &["lowest", "smallest", "lowest", "minimum"],
    };
    format!("{} {}", pen.one(words), column.noun.one)
}

/// `oldest` for the highest age; of columns that one adjective names.
fn adjective(column: &ColumnFacts, high: bool) -> Option<&'static str> {
    let (most, least) = match column.noun.one.as_str() {
        "age" => ("oldest", "youngest"),
        "height" => ("tallest", "shortest"),
        "weight" => ("heaviest", "lightest"),
        "length" | "duration" => ("longest", "shortest"),
        "price" | "cost" => ("most expensive", "cheapest"),
        _ => return None,
    };
    Some(if high { most } else { least })
}

fn top(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let key = pen.column(table, sorts)?;
    let columns = pen.one_or_two(table)?;
    if columns.iter().any(|column| std::ptr::eq(*column, key)) {
        return None;
    }
    let high = pen.random.percent(60);
    let names: Vec<String> = columns
        .iter()
        .map(|column| column.noun.one.clone())
        .collect();
    let c = super::english::enumerate(&names, "and");
    let most = extreme(pen, key, high);
    let verb = if columns.len() > 1 {
        "are"
    } else {
        super::pen::is(&c)
    };
    let parts = [
        ("c", c.as_str()),
        ("t", &table.noun.one),
        ("m", &most),
        ("v", verb),
        ("a", adjective(key, high).unwrap_or("")),
    ];
    let question = match adjective(key, high).is_some() && pen.random.percent(60) {
        true => pen.say(
            &[
                "What {v} the {c} of the {a} {t}?",
                "Find the {c} of the {a} {t}.",
                "Show the {c} of the {a} {t}.",
                "Give me the {c} of the {a} {t}.",
            ],
            &parts,
        ),
        false => pen.say(
            &[
                "What {v} the {c} of the {t} with the {m}?",
                "Find the {c} of the {t} that has the {m}.",
                "Which {t} has the {m}? Give the {c}.",
                "Show the {c} of the {t} with the {m}.",
                "Return the {c} of the {t} having the {m}.",
            ],
            &parts,
        ),
    };
    let (way, function) = if high { (" DESC", "MAX") } else { ("", "MIN") };
    let start = format!("SELECT {} FROM {}", select(&columns, ""), table.sql);
    let all = format!(
        "{start} WHERE {} = (SELECT {function}({}) FROM {})",
        key.sql, key.sql, table.sql
    );
    Some(
        Draft::new(
            question,
            format!("{start} ORDER BY {}{way} LIMIT 1", key.sql),
        )
        .same(all),
    )
}

fn top_several(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let key = pen.column(table, sorts)?;
    let columns = pen.one_or_two(table)?;
    let count = 2 + pen.random.below(4);
    if table.rows <= count + 1 {
        return None;
    }
    let high = pen.random.percent(65);
    let (c, n, most) = (
        pen.columns(&columns),
        pen.number(count),
        extreme(pen, key, high),
    );
    let parts = [
        ("c", c.as_str()),
        ("t", &table.noun.many),
        ("m", &most),
        ("n", &n),
    ];
    let question = pen.say(
        &[
            "What are the {c} of the {n} {t} with the {m}?",
            "List the {c} of the {n} {t} that have the {m}.",
            "Show the {c} of the {n} {t} with the {m}.",
            "Find the {c} of the {n} {t} having the {m}.",
        ],
        &parts,
    );
    let way = if high { " DESC" } else { "" };
    let sorted = format!(
        "SELECT {} FROM {} ORDER BY {}{way}",
        select(&columns, ""),
        table.sql,
        key.sql
    );
    let limit = format!(" LIMIT {count}");
    Some(with_ties(
        Draft::new(question, format!("{sorted}{limit}")),
        &sorted,
        &columns,
        "",
        &limit,
    ))
}

/// A column that an aggregate makes sense of, its name not one already.
pub(super) fn measured(column: &ColumnFacts) -> bool {
    let taken = [
        "average",
        "total",
        "minimum",
        "maximum",
        "mean",
        "rank",
        "latitude",
        "longitude",
    ];
    column.kind == Kind::Number && !column.noun.one.split(' ').any(|word| taken.contains(&word))
}

/// Rows of `table` that a condition keeps, with the condition as SQL.
pub(super) fn kept<'a>(
    pen: &mut Pen<'a>,
    table: &'a TableFacts,
    but: &[&ColumnFacts],
) -> Option<(String, String)> {
    let condition = pen.condition(table, Test::Compare, but)?;
    let clause = pen.clause(table, &condition);
    Some((pen.those(table, &clause), condition.sql("")))
}
