//! Questions over foreign keys.

use super::Shape;
use super::aggregate::enough;
use super::condition::{Condition, Test};
use super::english::{is_person, plural, possessive};
use super::links::Link;
use super::pen::{Draft, Pen, an, who};
use super::single::{order_words, select, sorts};
use super::world::{ColumnFacts, Kind, TableFacts};

pub(super) fn compose(pen: &mut Pen<'_>, shape: Shape) -> Option<Draft> {
    match shape {
        Shape::Join | Shape::JoinOrder => both(pen, shape == Shape::JoinOrder),
        Shape::JoinFilter => match pen.random.below(4) {
            0 => parent_of_one(pen),
            _ => filter(pen),
        },
        Shape::JoinTwoHops => match pen.random.percent(50) {
            true => chain(pen).or_else(|| across(pen)),
            false => across(pen).or_else(|| chain(pen)),
        },
        Shape::JoinCount => count(pen),
        Shape::JoinGroup => group(pen),
        Shape::JoinTop => top(pen),
        Shape::JoinHaving => having(pen),
        _ => None,
    }
}

/// `child AS t1 JOIN parent AS t2 ON …`.
fn from(pen: &Pen<'_>, link: &Link) -> String {
    let tables = &pen.world.tables;
    format!(
        "{} AS t1 JOIN {} AS t2 ON t1.{} = t2.{}",
        tables[link.child].sql, tables[link.parent].sql, link.from, link.to
    )
}

/// The two tables of a link.
fn ends<'a>(pen: &Pen<'a>, link: &Link) -> (&'a TableFacts, &'a TableFacts) {
    (
        &pen.world.tables[link.child],
        &pen.world.tables[link.parent],
    )
}

/// Columns of a child and its parent.
fn both(pen: &mut Pen<'_>, ordered: bool) -> Option<Draft> {
    let link = pen.link(|link| link.total)?;
    let (child, parent) = ends(pen, link);
    let (mine, theirs) = (pen.shown(child)?, pen.shown(parent)?);
    if mine.kind == Kind::Key && theirs.kind == Kind::Key {
        return None;
    }
    let its = if is_person(&child.noun.one) {
        "their"
    } else {
        "its"
    };
    let (roles, start) = (
        plural(&link.role),
        format!(
            "SELECT t1.{}, t2.{} FROM {}",
            mine.sql,
            theirs.sql,
            from(pen, link)
        ),
    );
    let parts = [
        ("c", child.noun.one.as_str()),
        ("cs", &child.noun.many),
        ("m", &mine.noun.one),
        ("ms", &mine.noun.many),
        ("p", &link.role),
        ("ps", &roles),
        ("t", &theirs.noun.one),
        ("ts", &theirs.noun.many),
        ("its", its),
    ];
    if !ordered {
        let question = pen.say(
            &[
                "For each {c}, show {its} {m} and the {t} of {its} {p}.",
                "List the {ms} of all {cs} together with the {ts} of their {ps}.",
                "Show the {m} of each {c} and the {t} of {its} {p}.",
                "What is the {m} of each {c}, and what is the {t} of {its} {p}?",
                "Give the {m} of every {c} along with the {t} of {its} {p}.",
            ],
            &parts,
        );
        return Some(Draft::new(question, start));
    }
    let (key, alias, owner) = match pen.random.percent(60) {
        true => (pen.column(child, sorts)?, "t1.", &child.noun.one),
        false => (pen.column(parent, sorts)?, "t2.", &link.role),
    };
    let down = pen.random.percent(50);
    let words = order_words(pen, key, down, &format!("the {} ", possessive(owner)));
    let mut said = parts.to_vec();
    said.push(("o", &words));
    let question = pen.say(
        &[
            "List the {ms} of all {cs} and the {ts} of their {ps}, {o}.",
            "Show the {m} of each {c} and the {t} of {its} {p}, {o}.",
            "What are the {ms} of all {cs} and the {ts} of their {ps}, {o}?",
            "For each {c}, give {its} {m} and the {t} of {its} {p}, {o}.",
        ],
        &said,
    );
    let sorted = format!(
        "{start} ORDER BY {alias}{}{}",
        key.sql,
        if down { " DESC" } else { "" }
    );
    let ties = |way: &str| format!("{sorted}, t1.{}{way}, t2.{}{way}", mine.sql, theirs.sql);
    let (up, back) = (ties(""), ties(" DESC"));
    Some(Draft::new(question, sorted).same(up).same(back))
}

/// What is said of a child whose parent fulfils a condition.
fn parent_clause(pen: &mut Pen<'_>, link: &Link, condition: &Condition<'_>) -> String {
    let owner = possessive(&link.role);
    let parts = [
        ("o", owner.as_str()),
        ("r", &link.role),
        ("rs", &plural(&link.role)),
        ("p", &condition.property),
        ("s", &condition.says),
        ("w", &condition.with),
    ];
    let parts: Vec<(&str, &str)> = parts
        .iter()
        .map(|(name, part)| (*name, part as &str))
        .collect();
    let all: &[&str] = &[
        "whose {r} has {w}",
        "whose {o} {p} {s}",
        "for which the {p} of the {r} {s}",
        "of {rs} whose {p} {s}",
        "of {rs} with {w}",
    ];
    // A role is one of several parents: `games of home teams` would be odd.
    let fitting = if link.only { all } else { &all[..3] };
    pen.say(fitting, &parts)
}

fn filter(pen: &mut Pen<'_>) -> Option<Draft> {
    let link = pen.link(|_| true)?;
    let (child, parent) = ends(pen, link);
    let condition = pen.condition(parent, Test::Compare, &[])?;
    let columns = pen.one_or_two(child)?;
    let clause = parent_clause(pen, link, &condition);
    let of = pen.those(child, &clause);
    let question = pen.list(&columns, &of);
    let start = format!(
        "SELECT {} FROM {}",
        select(&columns, "t1."),
        from(pen, link)
    );
    let draft = Draft::new(question, format!("{start} WHERE {}", condition.sql("t2.")));
    Some(draft.differs(start))
}

/// The parent of a child that is known by its label.
fn parent_of_one(pen: &mut Pen<'_>) -> Option<Draft> {
    let link = pen.link(|_| true)?;
    let (child, parent) = ends(pen, link);
    let label = pen.column(child, |column| {
        column.unique && column.kind == Kind::Text && column.values.len() > 1
    })?;
    let shown = pen.shown(parent)?;
    let (value, _) = pen.random.one(&label.values)?;
    let said = pen.value(label, value);
    let question = pen.say(
        &[
            "What is the {t} of the {p} of the {c} with the {l} {x}?",
            "Find the {t} of the {p} of the {c} whose {l} is {x}.",
            "Show the {t} of the {p} that the {c} with the {l} {x} has.",
            "Which {p} does the {c} with the {l} {x} have? Give the {t} of the {p}.",
        ],
        &[
            ("t", &shown.noun.one),
            ("p", &link.role),
            ("c", &child.noun.one),
            ("l", &label.noun.one),
            ("x", &said),
        ],
    );
    let sql = format!(
        "SELECT t2.{} FROM {} WHERE t1.{} = {}",
        shown.sql,
        from(pen, link),
        label.sql,
        super::pen::literal(value)
    );
    Some(Draft::new(question, sql))
}

fn count(pen: &mut Pen<'_>) -> Option<Draft> {
    let link = pen.link(|_| true)?;
    let (child, parent) = ends(pen, link);
    let condition = pen.condition(parent, Test::Compare, &[])?;
    let clause = parent_clause(pen, link, &condition);
    let question = pen.say(
        &[
            "How many {c} are there {w}?",
            "Count the {c} {w}.",
            "What is the number of {c} {w}?",
            "Find the number of {c} {w}.",
        ],
        &[("c", &child.noun.many), ("w", &clause)],
    );
    let start = format!("SELECT COUNT(*) FROM {}", from(pen, link));
    let draft = Draft::new(question, format!("{start} WHERE {}", condition.sql("t2.")));
    Some(draft.differs(start))
}

/// A child, its parent, and that one's parent.
fn chain(pen: &mut Pen<'_>) -> Option<Draft> {
    let world = pen.world;
    let second = pen.link(|link| {
        world.links.iter().any(|first| {
            first.parent == link.child && first.child != link.parent && first.child != first.parent
        })
    })?;
    let first = pen.link(|first| {
        first.parent == second.child && first.child != second.parent && first.child != first.parent
    })?;
    if second.child == second.parent
        || world
            .links
            .iter()
            .any(|link| (link.child, link.parent) == (first.child, second.parent))
    {
        return None;
    }
    let (child, far) = (&world.tables[first.child], &world.tables[second.parent]);
    let condition = pen.condition(far, Test::Compare, &[])?;
    let columns = pen.one_or_two(child)?;
    let (middle, last) = (possessive(&first.role), &second.role);
    let clause = pen.say(
        &[
            "whose {m} {l} has {w}",
            "whose {r} has {al} with {w}",
            "for which the {p} of the {m} {l} {s}",
            "whose {r} belongs to {al} with {w}",
        ],
        &[
            ("m", &middle),
            ("r", &first.role),
            ("l", last),
            ("al", &an(last)),
            ("w", &condition.with),
            ("p", &condition.property),
            ("s", &condition.says),
        ],
    );
    let of = pen.those(child, &clause);
    let question = pen.list(&columns, &of);
    let start = format!(
        "SELECT {} FROM {} JOIN {} AS t3 ON t2.{} = t3.{}",
        select(&columns, "t1."),
        from(pen, first),
        far.sql,
        second.from,
        second.to
    );
    let draft = Draft::new(question, format!("{start} WHERE {}", condition.sql("t3.")));
    Some(draft.differs(start))
}

/// Two tables that a third one connects: each row of the first once, however often it is connected.
fn across(pen: &mut Pen<'_>) -> Option<Draft> {
    let world = pen.world;
    let one = pen.link(|one| {
        one.only
            && world
                .links
                .iter()
                .any(|other| other.only && other.child == one.child && other.parent != one.parent)
    })?;
    let other =
        pen.link(|other| other.only && other.child == one.child && other.parent != one.parent)?;
    let ways = |a: usize, b: usize| {
        let has = |child: usize, parent: usize| {
            world
                .links
                .iter()
                .any(|link| (link.child, link.parent) == (child, parent))
        };
        let through = (0..world.tables.len())
            .filter(|&table| has(table, a) && has(table, b))
            .count();
        through + usize::from(has(a, b)) + usize::from(has(b, a))
    };
    if ways(one.parent, other.parent) != 1 {
        return None;
    }
    let (near, far) = (&world.tables[one.parent], &world.tables[other.parent]);
    let label = pen.column(near, |column| {
        column.unique && matches!(column.kind, Kind::Text | Kind::Key)
    })?;
    let condition = pen.condition(far, Test::Compare, &[])?;
    let clause = match pen.random.percent(60) {
        true => condition.whose(),
        false => format!("with {}", condition.with),
    };
    let question = pen.say(
        &[
            "What are the different {c} of {t} {h} have at least one {f} {w}?",
            "List the distinct {c} of the {t} {h} have any {f} {w}.",
            "Show the different {c} of {t} connected to at least one {f} {w}.",
            "Find the distinct {c} of all {t} {h} have some {f} {w}.",
        ],
        &[
            ("c", &label.noun.many),
            ("t", &near.noun.many),
            ("f", &far.noun.one),
            ("w", &clause),
            ("h", who(near)),
        ],
    );
    let start = format!(
        "SELECT DISTINCT t1.{} FROM {} AS t1 JOIN {} AS t2 ON t1.{} = t2.{} JOIN {} AS t3 ON t2.{} = t3.{}",
        label.sql,
        near.sql,
        world.tables[one.child].sql,
        one.to,
        one.from,
        far.sql,
        other.from,
        other.to
    );
    let draft = Draft::new(question, format!("{start} WHERE {}", condition.sql("t3.")));
    Some(draft.differs(start))
}

/// Parents with their children: the tables, the parent's label, and the start of the query after SELECT.
struct Family<'a> {
    link: &'a Link,
    child: &'a TableFacts,
    parent: &'a TableFacts,
    label: &'a ColumnFacts,
    from: String,
}

fn family<'a>(pen: &mut Pen<'a>, fits: impl Fn(&Link) -> bool) -> Option<Family<'a>> {
    let link = pen.link(|link| link.only && fits(link))?;
    let tables = &pen.world.tables;
    let (child, parent) = (&tables[link.child], &tables[link.parent]);
    let label = pen.label(parent)?;
    let from = format!(
        "{} AS t1 JOIN {} AS t2 ON t1.{} = t2.{}",
        parent.sql, child.sql, link.to, link.from
    );
    Some(Family {
        link,
        child,
        parent,
        label,
        from,
    })
}

fn group(pen: &mut Pen<'_>) -> Option<Draft> {
    let Family {
        link,
        child,
        parent,
        label,
        from,
    } = family(pen, |_| true)?;
    // Parents without children are not in the result; the question says so where there are any.
    let any = if link.covers {
        String::new()
    } else {
        format!(" {} has at least one {}", who(parent), child.noun.one)
    };
    let question = pen.say(
        &[
            "For each {p}{a}, show the {l} and the number of {c}.",
            "Show the {l} of each {p}{a} and the number of {c}.",
            "List the {l} of every {p}{a} together with how many {c} the {p} has.",
            "How many {c} does each {p}{a} have? Show the {l} and the count.",
            "What is the {l} of each {p}{a}, and how many {c} does the {p} have?",
        ],
        &[
            ("p", &parent.noun.one),
            ("a", &any),
            ("l", &label.noun.one),
            ("c", &child.noun.many),
        ],
    );
    let name = &label.sql;
    Some(Draft::new(
        question,
        format!("SELECT t1.{name}, COUNT(*) FROM {from} GROUP BY t1.{name}"),
    ))
}

fn top(pen: &mut Pen<'_>) -> Option<Draft> {
    let Family {
        link,
        child,
        parent,
        label,
        from,
    } = family(pen, |_| true)?;
    // The fewest might be none, which a join does not count.
    let most = !link.covers || pen.random.percent(75);
    let templates: &[&str] = match most {
        true => &[
            "What is the {l} of the {p} with the most {c}?",
            "Find the {l} of the {p} that has the most {c}.",
            "Which {p} has the largest number of {c}? Give the {l}.",
            "Show the {l} of the {p} with the highest number of {c}.",
        ],
        false => &[
            "What is the {l} of the {p} with the fewest {c}?",
            "Find the {l} of the {p} that has the fewest {c}.",
            "Which {p} has the smallest number of {c}? Give the {l}.",
            "Show the {l} of the {p} with the lowest number of {c}.",
        ],
    };
    let question = pen.say(
        templates,
        &[
            ("p", &parent.noun.one),
            ("l", &label.noun.one),
            ("c", &child.noun.many),
        ],
    );
    let (name, way, function) = (
        &label.sql,
        if most { " DESC" } else { "" },
        if most { "MAX" } else { "MIN" },
    );
    let start = format!("SELECT t1.{name} FROM {from} GROUP BY t1.{name}");
    let all = format!(
        "{start} HAVING COUNT(*) = (SELECT {function}(c) FROM (SELECT COUNT(*) AS c FROM {from} GROUP BY t1.{name}))"
    );
    Some(Draft::new(question, format!("{start} ORDER BY COUNT(*){way} LIMIT 1")).same(all))
}

fn having(pen: &mut Pen<'_>) -> Option<Draft> {
    let Family {
        child,
        parent,
        label,
        from,
        ..
    } = family(pen, |_| true)?;
    let times = 2 + pen.random.below(4);
    let (words, test) = enough(pen, times)?;
    let question = pen.say(
        &[
            "What are the {l} of the {p} with {n} {c}?",
            "Show the {l} of {p} {h} have {n} {c}.",
            "Find the {l} of all {p} {h} have {n} {c}.",
            "Which {p} have {n} {c}? List their {l}.",
            "List the {l} of the {p} with {n} {c}.",
        ],
        &[
            ("p", &parent.noun.many),
            ("l", &label.noun.many),
            ("c", &child.noun.many),
            ("n", &words),
            ("h", who(parent)),
        ],
    );
    let name = &label.sql;
    Some(Draft::new(
        question,
        format!("SELECT t1.{name} FROM {from} GROUP BY t1.{name} HAVING COUNT(*) {test}"),
    ))
}
