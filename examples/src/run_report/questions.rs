//! The questions side by side, with filters that need no script: each is a radio button, and the style hides what
//! the chosen one does not show.

use anneal_sql::{Example, Failure};

use super::html::Html;
use super::numbers::{count, plural};
use super::page::RunPage;

/// Questions on the page at most, and characters of a query or a schema.
const MOST: usize = 2_000;
const TEXT: usize = 20_000;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Gained,
    Lost,
    Right,
    Wrong,
    LeftOut,
}

impl Change {
    const ALL: [Self; 5] = [
        Self::Gained,
        Self::Lost,
        Self::Wrong,
        Self::Right,
        Self::LeftOut,
    ];

    fn of(before: Option<&Example>, now: &Example) -> Self {
        if now.gold_error.is_some() || before.is_some_and(|example| example.gold_error.is_some()) {
            return Self::LeftOut;
        }
        match (before.is_some_and(|before| before.is_match), now.is_match) {
            (false, true) if before.is_some() => Self::Gained,
            (true, false) => Self::Lost,
            (_, true) => Self::Right,
            (_, false) => Self::Wrong,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Gained => "gained",
            Self::Lost => "lost",
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::LeftOut => "out",
        }
    }

    /// With one report alone nothing is "still" so.
    fn words(self, two: bool) -> &'static str {
        match (self, two) {
            (Self::Gained, _) => "gained",
            (Self::Lost, _) => "lost",
            (Self::Right, true) => "still right",
            (Self::Right, false) => "right",
            (Self::Wrong, true) => "still wrong",
            (Self::Wrong, false) => "wrong",
            (Self::LeftOut, _) => "left out",
        }
    }
}

pub(super) fn write(html: &mut Html, run: &RunPage) {
    let evaluation = &run.evaluation;
    let Some(now) = evaluation.latest() else {
        return;
    };
    let compared = evaluation.compared().is_some();
    let before = evaluation.before.as_ref().filter(|_| compared);
    let pair = |at: usize| before.map(|before| &before.examples()[at]);
    let changes: Vec<Change> = now
        .examples()
        .iter()
        .enumerate()
        .map(|(at, example)| Change::of(pair(at), example))
        .collect();
    html.raw("<section aria-labelledby=\"questions\"><h2 id=\"questions\">Questions</h2>\n");
    filters(html, &changes, compared);
    for (at, example) in now.examples().iter().take(MOST).enumerate() {
        let schema = example.shown.as_ref().map(|shown| &*shown.schema);
        let schema = schema.or_else(|| evaluation.schemas.get(&example.db_id).map(String::as_str));
        question(html, pair(at), example, changes[at], schema);
    }
    if changes.len() > MOST {
        html.raw("<p class=\"soft\">")
            .text(&plural(changes.len() - MOST, "more question"))
            .raw(" in the files of the evaluation.</p>\n");
    }
    html.raw("</section>\n");
}

fn filters(html: &mut Html, changes: &[Change], two: bool) {
    let radio = |html: &mut Html, id: &'static str, name: &str, number: usize, checked: bool| {
        html.raw("<input type=\"radio\" name=\"show\" id=")
            .attribute(&format!("show-{id}"));
        html.raw(if checked { " checked>" } else { ">" })
            .raw("<label for=")
            .attribute(&format!("show-{id}"))
            .raw(">");
        html.text(name)
            .raw(" <span class=\"num\">")
            .text(&count(number))
            .raw("</span></label>\n");
    };
    radio(html, "all", "all", changes.len(), true);
    for change in Change::ALL {
        let number = changes.iter().filter(|&&found| found == change).count();
        if number > 0 || (two && change != Change::LeftOut) {
            radio(html, change.class(), change.words(two), number, false);
        }
    }
}

fn question(
    html: &mut Html,
    before: Option<&Example>,
    now: &Example,
    change: Change,
    schema: Option<&str>,
) {
    html.raw("<details class=\"q ")
        .raw(change.class())
        .raw("\"><summary><span class=\"id num\">#")
        .shown(now.index)
        .raw("</span>");
    html.raw(match change {
        Change::Gained => "<span class=\"badge good\">▲ ",
        Change::Right => "<span class=\"badge good\">✓ ",
        Change::Lost => "<span class=\"badge bad\">▼ ",
        Change::Wrong => "<span class=\"badge bad\">✗ ",
        Change::LeftOut => "<span class=\"badge skip\">◌ ",
    });
    html.raw(change.words(before.is_some())).raw("</span>").tag(
        "<span class=\"text\">",
        &now.question,
        "</span>",
    );
    html.raw("<span class=\"where\">").foreign(&now.db_id);
    if let Some(hardness) = now.hardness {
        html.raw(" · ").text(hardness.words());
    }
    html.raw("</span></summary>\n<div class=\"body\">");
    if let Some(error) = before
        .and_then(|example| example.gold_error.as_ref())
        .or(now.gold_error.as_ref())
    {
        html.tag(
            "<p class=\"message skip\"><b>The gold does not run</b>: ",
            error,
            "</p>",
        );
    }
    html.raw(if before.is_some() {
        "<div class=\"side three\">"
    } else {
        "<div class=\"side\">"
    });
    sql(html, "Gold", Some(&now.gold));
    html.raw("</div>");
    if let Some(before) = before {
        answer(html, "Before", before);
    }
    answer(
        html,
        if before.is_some() {
            "After"
        } else {
            "Prediction"
        },
        now,
    );
    html.raw("</div>");
    if let Some(schema) = schema {
        html.raw("<details class=\"schema\"><summary>Schema of ")
            .foreign(&now.db_id)
            .raw("</summary><pre>");
        cut(html, schema);
        html.raw("</pre></details>");
    }
    html.raw("</div></details>\n");
}

/// A prediction with its verdict.
fn answer(html: &mut Html, title: &'static str, example: &Example) {
    sql(html, title, example.predicted.as_deref());
    if example.gold_error.is_none() {
        match example.is_match {
            true => html.raw("<p class=\"verdict badge good\">✓ match</p>"),
            false => html
                .raw("<p class=\"verdict message\"><b>✗ ")
                .raw(example.failure.map_or("no match", Failure::words))
                .raw("</b>"),
        };
        if !example.is_match {
            if let Some(error) = &example.error {
                html.raw(": ").foreign(error);
            }
            html.raw("</p>");
        }
    }
    html.raw("</div>");
}

/// Opens a column, which the caller ends.
fn sql(html: &mut Html, title: &'static str, text: Option<&str>) {
    html.raw("<div><h3>").raw(title).raw("</h3>");
    match text {
        Some(text) => {
            html.raw("<pre>");
            cut(html, text);
            html.raw("</pre>");
        }
        None => {
            html.raw("<p class=\"soft\">There is no prediction.</p>");
        }
    }
}

/// A text, cut where no person reads on.
fn cut(html: &mut Html, text: &str) {
    match text.char_indices().nth(TEXT) {
        None => html.text(text),
        Some((end, _)) => html
            .text(&text[..end])
            .raw(" … (")
            .text(&plural(text.chars().count(), "character"))
            .raw(")"),
    };
}
