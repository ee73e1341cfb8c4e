//! Counts, sums, averages and groups over one table.

use super::Shape;
use super::pen::{Draft, Pen, is, literal};
use super::single::{kept, measured, sorts};
use super::world::{ColumnFacts, Kind, TableFacts};

pub(super) fn compose(pen: &mut Pen<'_>, shape: Shape) -> Option<Draft> {
    match shape {
        Shape::Count => count(pen),
        Shape::CountFilter => count_filter(pen),
        Shape::CountDistinct => count_distinct(pen),
        Shape::Aggregate => aggregate(pen, false),
        Shape::AggregateFilter => aggregate(pen, true),
        Shape::AggregateSeveral => several(pen),
        Shape::Group => group(pen),
        Shape::GroupAggregate => group_aggregate(pen),
        Shape::GroupTop => group_top(pen),
        Shape::Having => having(pen),
        _ => None,
    }
}

fn count(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let question = pen.say(
        &[
            "How many {t} are there?",
            "Count the {t}.",
            "What is the total number of {t}?",
            "Find the number of {t}.",
            "How many {t} are there in total?",
            "Count the number of {t}.",
        ],
        &[("t", &table.noun.many)],
    );
    Some(Draft::new(
        question,
        format!("SELECT COUNT(*) FROM {}", table.sql),
    ))
}

fn count_filter(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let condition = pen.condition(table, super::condition::Test::Compare, &[])?;
    let question = match pen.random.percent(35) {
        true => pen.say(
            &["How many {t} have {w}?", "How many of the {t} have {w}?"],
            &[("t", &table.noun.many), ("w", &condition.with)],
        ),
        false => {
            let clause = pen.clause(table, &condition);
            pen.say(
                &[
                    "How many {t} are there {w}?",
                    "Count the {t} {w}.",
                    "What is the number of {t} {w}?",
                    "Find the number of {t} {w}.",
                ],
                &[("t", &table.noun.many), ("w", &clause)],
            )
        }
    };
    let start = format!("SELECT COUNT(*) FROM {}", table.sql);
    let draft = Draft::new(question, format!("{start} WHERE {}", condition.sql("")));
    Some(draft.differs(start))
}

fn count_distinct(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let column = pen.column(table, |column| {
        matches!(column.kind, Kind::Text | Kind::Year) && !column.unique && column.distinct > 1
    })?;
    let question = pen.say(
        &[
            "How many different {c} do the {t} have?",
            "Count the distinct {c} of the {t}.",
            "What is the number of different {c} among the {t}?",
            "How many distinct {c} are there among all {t}?",
            "Find the number of different {c} of {t}.",
        ],
        &[("c", &column.noun.many), ("t", &table.noun.many)],
    );
    Some(Draft::new(
        question,
        format!("SELECT COUNT(DISTINCT {}) FROM {}", column.sql, table.sql),
    ))
}

/// An aggregate of a column, as SQL and in words.
pub(super) fn drawn(pen: &mut Pen<'_>, column: &ColumnFacts, alias: &str) -> (String, String) {
    let which = match measured(column) {
        true => pen.random.below(5),
        false => 3 + pen.random.below(2),
    };
    let (function, words) = match which {
        0 => (
            "SUM",
            pen.one(&["total", "sum of the", "total"]).to_owned() + " " + &column.noun.one,
        ),
        1 | 2 => (
            "AVG",
            pen.one(&["average", "mean", "average"]).to_owned() + " " + &column.noun.one,
        ),
        3 => ("MIN", super::single::extreme(pen, column, false)),
        _ => ("MAX", super::single::extreme(pen, column, true)),
    };
    (format!("{function}({alias}{})", column.sql), words)
}

fn aggregate(pen: &mut Pen<'_>, filtered: bool) -> Option<Draft> {
    let table = pen.table()?;
    let column = pen.column(table, |column| {
        (measured(column) || sorts(column)) && column.distinct > 1
    })?;
    let (of, condition) = match filtered {
        true => kept(pen, table, &[column])?,
        false => (pen.all(table), String::new()),
    };
    let (call, words) = drawn(pen, column, "");
    let question = pen.say(
        &[
            "What {v} the {m} of {t}?",
            "Find the {m} of {t}.",
            "Show the {m} of {t}.",
            "Give the {m} of {t}.",
            "Return the {m} of {t}.",
            "Tell me the {m} of {t}.",
        ],
        &[("v", is(&column.noun.one)), ("m", &words), ("t", &of)],
    );
    let rest = if filtered {
        format!(" WHERE {condition}")
    } else {
        String::new()
    };
    let start = format!("SELECT {call} FROM {}", table.sql);
    let draft = Draft::new(question, format!("{start}{rest}"));
    Some(if filtered {
        draft.differs(start)
    } else {
        draft
    })
}

fn several(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let column = pen.column(table, |column| measured(column) && column.distinct > 1)?;
    let all = [
        ("MIN", "minimum"),
        ("AVG", "average"),
        ("MAX", "maximum"),
        ("SUM", "total"),
    ];
    let chosen: &[usize] = match pen.random.below(5) {
        0 => &[0, 2],
        1 => &[1, 2],
        2 => &[0, 1, 2],
        3 => &[3, 1],
        _ => &[0, 1],
    };
    let names: Vec<String> = chosen.iter().map(|&at| all[at].1.to_owned()).collect();
    let calls: Vec<String> = chosen
        .iter()
        .map(|&at| format!("{}({})", all[at].0, column.sql))
        .collect();
    let (m, of) = (super::english::enumerate(&names, "and"), pen.all(table));
    let question = pen.say(
        &[
            "What are the {m} {c} of {t}?",
            "Show the {m} {c} of {t}.",
            "Find the {m} {c} of {t}.",
            "Give me the {m} {c} of {t}.",
            "Return the {m} {c} of {t}.",
        ],
        &[("m", &m), ("c", &column.noun.one), ("t", &of)],
    );
    Some(Draft::new(
        question,
        format!("SELECT {} FROM {}", calls.join(", "), table.sql),
    ))
}

/// A column whose values make groups.
pub(super) fn groups(table: &TableFacts) -> impl Fn(&ColumnFacts) -> bool {
    let rows = table.rows;
    move |column| {
        matches!(column.kind, Kind::Text | Kind::Year)
            && column.nulls == 0
            && column.distinct > 1
            && column.distinct < rows
    }
}

fn group(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let column = pen.column(table, groups(table))?;
    let question = pen.say(
        &[
            "Show each {g} and the number of {t} with that {g}.",
            "For each {g}, show the {g} and the number of {t}.",
            "List every {g} together with how many {t} have that {g}.",
            "What are the different {gs} of the {t}, and how many {t} have each of them?",
            "How many {t} are there for each {g}? Show the {g} and the count.",
            "Count the {t} for each {g}, and show the {g} as well.",
        ],
        &[
            ("g", &column.noun.one),
            ("gs", &column.noun.many),
            ("t", &table.noun.many),
        ],
    );
    let name = &column.sql;
    Some(Draft::new(
        question,
        format!("SELECT {name}, COUNT(*) FROM {} GROUP BY {name}", table.sql),
    ))
}

fn group_aggregate(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let by = pen.column(table, groups(table))?;
    let of = pen.column(table, |column| {
        measured(column) && column.distinct > 1 && !std::ptr::eq(column, by)
    })?;
    let (call, words) = drawn(pen, of, "");
    let question = pen.say(
        &[
            "Show each {g} and the {m} of the {t} with that {g}.",
            "For each {g}, show the {g} and the {m} of its {t}.",
            "What {v} the {m} of the {t} for each {g}? Show the {g} too.",
            "List every {g} with the {m} of its {t}.",
            "Find the {m} of {t} for every {g}, along with the {g}.",
        ],
        &[
            ("g", &by.noun.one),
            ("m", &words),
            ("t", &table.noun.many),
            ("v", is(&of.noun.one)),
        ],
    );
    let name = &by.sql;
    Some(Draft::new(
        question,
        format!("SELECT {name}, {call} FROM {} GROUP BY {name}", table.sql),
    ))
}

fn group_top(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let column = pen.column(table, groups(table))?;
    let most = pen.random.percent(70);
    let templates: &[&str] = match most {
        true => &[
            "Which {g} is the most common among the {t}?",
            "What is the most common {g} of the {t}?",
            "Which {g} has the most {t}?",
            "Find the {g} with the largest number of {t}.",
            "Show the {g} that occurs most often among the {t}.",
        ],
        false => &[
            "Which {g} is the least common among the {t}?",
            "What is the least common {g} of the {t}?",
            "Which {g} has the fewest {t}?",
            "Find the {g} with the smallest number of {t}.",
        ],
    };
    let question = pen.say(
        templates,
        &[("g", &column.noun.one), ("t", &table.noun.many)],
    );
    let (name, t) = (&column.sql, &table.sql);
    let (way, function) = if most { (" DESC", "MAX") } else { ("", "MIN") };
    let all = format!(
        "SELECT {name} FROM {t} GROUP BY {name} HAVING COUNT(*) = (SELECT {function}(c) FROM (SELECT COUNT(*) AS c FROM {t} GROUP BY {name}))"
    );
    Some(
        Draft::new(
            question,
            format!("SELECT {name} FROM {t} GROUP BY {name} ORDER BY COUNT(*){way} LIMIT 1"),
        )
        .same(all),
    )
}

/// `at least 3`, the operator and the number that goes with it, for groups of which one has `times` rows.
pub(super) fn enough(pen: &mut Pen<'_>, times: usize) -> Option<(String, String)> {
    let more = pen.random.percent(50) && times > 2;
    let count = if more { times - 1 } else { times };
    if count < 2 {
        return None;
    }
    let number = pen.number(count);
    let words = match more {
        true => pen.say(&["more than {n}", "over {n}"], &[("n", &number)]),
        false => pen.say(&["at least {n}", "{n} or more"], &[("n", &number)]),
    };
    Some((words, format!("{} {count}", if more { ">" } else { ">=" })))
}

fn having(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let column = pen.column(table, groups(table))?;
    let name = &column.sql;
    let start = format!("SELECT {name} FROM {} GROUP BY {name} HAVING ", table.sql);
    if pen.random.percent(30) {
        let of = pen.column(table, |of| {
            measured(of) && of.distinct > 1 && !std::ptr::eq(of, column)
        })?;
        let value = pen.threshold(of)?;
        let above = pen.random.percent(60);
        let words = if above {
            pen.one(&["above", "greater than", "higher than"])
        } else {
            pen.one(&["below", "less than", "lower than"])
        };
        let value = literal(&value);
        let question = pen.say(
            &[
                "Which {gs} have {t} with an average {c} {w} {x}?",
                "Find the {gs} whose {t} have an average {c} {w} {x}.",
                "Show the {gs} for which the average {c} of the {t} is {w} {x}.",
                "List each {g} whose {t} have an average {c} {w} {x}.",
            ],
            &[
                ("g", &column.noun.one),
                ("gs", &column.noun.many),
                ("t", &table.noun.many),
                ("c", &of.noun.one),
                ("w", words),
                ("x", &value),
            ],
        );
        return Some(Draft::new(
            question,
            format!(
                "{start}AVG({}) {} {value}",
                of.sql,
                if above { ">" } else { "<" }
            ),
        ));
    }
    let (_, times) = *pen.random.one(&column.values)?;
    let (words, test) = enough(pen, times)?;
    let question = pen.say(
        &[
            "Which {gs} have {n} {t}?",
            "Show the {gs} that have {n} {t}.",
            "Find the {gs} shared by {n} {t}.",
            "List each {g} that has {n} {t}.",
            "What are the {gs} with {n} {t}?",
        ],
        &[
            ("g", &column.noun.one),
            ("gs", &column.noun.many),
            ("n", &words),
            ("t", &table.noun.many),
        ],
    );
    Some(Draft::new(question, format!("{start}COUNT(*) {test}")))
}
