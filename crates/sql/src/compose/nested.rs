//! Nested queries and set operations.

use super::Shape;
use super::condition::Test;
use super::pen::{Draft, Pen, who};
use super::single::{extreme, measured, select, sorts};
use super::world::{Kind, TableFacts};

pub(super) fn compose(pen: &mut Pen<'_>, shape: Shape) -> Option<Draft> {
    match shape {
        Shape::NestedAverage => average(pen),
        Shape::NestedExtreme => highest(pen),
        Shape::NestedIn => within(pen),
        Shape::NestedNotIn => without(pen),
        Shape::Union | Shape::Intersect | Shape::Except => sets(pen, shape),
        _ => None,
    }
}

fn average(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let column = pen.column(table, |column| measured(column) && column.distinct > 1)?;
    let columns = pen.one_or_two(table)?;
    let above = pen.random.percent(55);
    let words: &[&str] = match above {
        true => &[
            "whose {c} {v} above the average",
            "whose {c} {v} above average",
            "whose {c} {v} higher than the average {c}",
            "with {c} above the average of all {t}",
        ],
        false => &[
            "whose {c} {v} below the average",
            "whose {c} {v} below average",
            "whose {c} {v} lower than the average {c}",
            "with {c} below the average of all {t}",
        ],
    };
    let clause = pen.say(
        words,
        &[
            ("c", &column.noun.one),
            ("v", super::pen::is(&column.noun.one)),
            ("t", &table.noun.many),
        ],
    );
    let clause = match clause.strip_prefix("with ") {
        Some(rest) if !super::pen::is_plural(&column.noun.one) => {
            format!("with {}", super::english::with_article(rest))
        }
        _ => clause,
    };
    let of = pen.those(table, &clause);
    let question = pen.list(&columns, &of);
    let (name, t) = (&column.sql, &table.sql);
    Some(Draft::new(
        question,
        format!(
            "SELECT {} FROM {t} WHERE {name} {} (SELECT AVG({name}) FROM {t})",
            select(&columns, ""),
            if above { ">" } else { "<" }
        ),
    ))
}

fn highest(pen: &mut Pen<'_>) -> Option<Draft> {
    let table = pen.table()?;
    let column = pen.column(table, |column| sorts(column) && !column.unique)?;
    let columns = pen.one_or_two(table)?;
    if columns.iter().any(|shown| std::ptr::eq(*shown, column)) {
        return None;
    }
    let high = pen.random.percent(60);
    let clause = format!(
        "{} the {}",
        (if pen.random.percent(50) {
            format!("{} have", who(table))
        } else {
            "with".to_owned()
        }),
        extreme(pen, column, high)
    );
    let of = format!("all {} {clause}", table.noun.many);
    let question = pen.list(&columns, &of);
    let (name, t) = (&column.sql, &table.sql);
    Some(Draft::new(
        question,
        format!(
            "SELECT {} FROM {t} WHERE {name} = (SELECT {}({name}) FROM {t})",
            select(&columns, ""),
            if high { "MAX" } else { "MIN" }
        ),
    ))
}

/// What the question says of an inner condition, and its WHERE; nothing without one.
fn perhaps_where<'a>(
    pen: &mut Pen<'a>,
    table: &'a TableFacts,
    condition: bool,
) -> Option<(String, String)> {
    if !condition {
        return Some((String::new(), String::new()));
    }
    let condition = pen.condition(table, Test::Compare, &[])?;
    let words = format!(" {}", condition.whose());
    Some((words, format!(" WHERE {}", condition.sql(""))))
}

fn within(pen: &mut Pen<'_>) -> Option<Draft> {
    let link = pen.link(|link| link.only)?;
    let (child, parent) = (
        &pen.world.tables[link.child],
        &pen.world.tables[link.parent],
    );
    let columns = pen.one_or_two(parent)?;
    let condition = link.covers || pen.random.percent(70);
    let (words, test) = perhaps_where(pen, child, condition)?;
    let clause = pen.say(
        &[
            "{w} have at least one {c}{x}",
            "{w} have {a}{x}",
            "with at least one {c}{x}",
            "with any {c}{x}",
        ],
        &[
            ("w", who(parent)),
            ("c", &child.noun.one),
            ("a", &super::english::with_article(&child.noun.one)),
            ("x", &words),
        ],
    );
    let of = pen.those(parent, &clause);
    let question = pen.list(&columns, &of);
    Some(Draft::new(
        question,
        format!(
            "SELECT {} FROM {} WHERE {} IN (SELECT {} FROM {}{test})",
            select(&columns, ""),
            parent.sql,
            link.to,
            link.from,
            child.sql
        ),
    ))
}

fn without(pen: &mut Pen<'_>) -> Option<Draft> {
    // One NULL among the names would empty the answer.
    let link = pen.link(|link| link.only && link.no_nulls)?;
    let (child, parent) = (
        &pen.world.tables[link.child],
        &pen.world.tables[link.parent],
    );
    let columns = pen.one_or_two(parent)?;
    let condition = link.covers || pen.random.percent(40);
    let (words, test) = perhaps_where(pen, child, condition)?;
    let clause = pen.say(
        &[
            "{w} do not have any {c}{x}",
            "{w} have no {c}{x}",
            "without any {c}{x}",
            "with no {c}{x}",
        ],
        &[("w", who(parent)), ("c", &child.noun.many), ("x", &words)],
    );
    let of = pen.those(parent, &clause);
    let question = pen.list(&columns, &of);
    Some(Draft::new(
        question,
        format!(
            "SELECT {} FROM {} WHERE {} NOT IN (SELECT {} FROM {}{test})",
            select(&columns, ""),
            parent.sql,
            link.to,
            link.from,
            child.sql
        ),
    ))
}

fn sets(pen: &mut Pen<'_>, shape: Shape) -> Option<Draft> {
    let table = pen.table()?;
    let column = pen.column(table, |column| {
        matches!(column.kind, Kind::Text | Kind::Year)
            && column.nulls == 0
            && !column.unique
            && column.distinct > 1
    })?;
    let one = pen.condition(table, Test::Compare, &[column])?;
    let two = pen.condition(table, Test::Compare, &[column])?;
    if one.sql("") == two.sql("") || one.is_odd_in_sets() || two.is_odd_in_sets() {
        return None;
    }
    let (a, b) = (one.whose(), two.whose());
    let (templates, operator): (&[&str], &str) = match shape {
        Shape::Union => (
            &[
                "What are the different {c} of {t} {a} or {b}?",
                "List the distinct {c} of the {t} {a} together with those of the {t} {b}, without repetition.",
                "Show the different {c} of all {t} {a} or {b}.",
                "Find the distinct {c} that occur among {t} {a} or among {t} {b}.",
            ],
            "UNION",
        ),
        Shape::Intersect => (
            &[
                "Which {c} are shared by {t} {a} and {t} {b}?",
                "Show the {c} that occur both among {t} {a} and among {t} {b}.",
                "Which {c} occur among {t} {a} as well as among {t} {b}?",
                "Find the {c} that some {t} {a} and some {t} {b} have in common.",
            ],
            "INTERSECT",
        ),
        _ => (
            &[
                "Which {c} are found among {t} {a}, but not among {t} {b}?",
                "Show the different {c} of {t} {a}, leaving out those of {t} {b}.",
                "What are the different {c} of {t} {a} that no {t} {b} have?",
                "Find the {c} that occur among {t} {a} but not among {t} {b}.",
            ],
            "EXCEPT",
        ),
    };
    let question = pen.say(
        templates,
        &[
            ("c", &column.noun.many),
            ("t", &table.noun.many),
            ("a", &a),
            ("b", &b),
        ],
    );
    let start = format!("SELECT {} FROM {} WHERE ", column.sql, table.sql);
    let same_column = std::ptr::eq(one.column, two.column);
    let (one, two) = (one.sql(""), two.sql(""));
    let mut draft = Draft::new(question, format!("{start}{one} {operator} {start}{two}"));
    // `Below 23 or above 20` would be everyone.
    if shape == Shape::Union && same_column {
        draft = draft.differs(format!("{start}1 UNION {start}1"));
    }
    // One row that fulfils both is what AND is for.
    if shape == Shape::Intersect {
        draft = draft.differs(format!(
            "{start}{one} AND {two} UNION {start}{one} AND {two}"
        ));
    }
    // Both sides must matter: each alone, sorted and without repetition as a set operation leaves it, gives other rows.
    let alone = |side: &str| format!("{start}{side} UNION {start}{side}");
    Some(draft.differs(alone(&one)).differs(alone(&two)))
}
