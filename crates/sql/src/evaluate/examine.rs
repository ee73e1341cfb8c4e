//! Everything about one case.

use super::evaluator::{Seen, as_judged};
use super::matches::Matcher;
use super::{Case, EvaluateOptions, Example, Preview, Shown};
use std::borrow::Cow;

use crate::suite::Verdict;
use crate::{
    Database, Gold, Judgement, Rows, Suite, asks_for_order, repaired, same_rows, schema_text,
    soft_f1, subset_match,
};

/// The example of `case`.
pub(super) fn example(
    seen: &Seen<'_>,
    index: usize,
    case: &Case,
    options: &EvaluateOptions,
) -> Example {
    let mut example = blank(seen, index, case);
    match seen.seen {
        Err(error) => example.gold_error = Some(error.to_string()),
        Ok((gold, verdict)) => {
            let judgement = &verdict.judgement;
            example.is_match = *judgement == Judgement::Correct;
            example.failure = judgement.failure(&as_judged(case.prediction(), options));
            example.error = in_words(judgement);
            if let Some(suite) = seen.suite {
                measure(&mut example, suite, gold, verdict, case, options);
            }
        }
    }
    example.shown = options.shown_rows.map(|rows| shown(seen, rows));
    example
}

fn blank(seen: &Seen<'_>, index: usize, case: &Case) -> Example {
    let names = seen.suite.and_then(Suite::names);
    let matcher = seen.matcher.get_or_init(|| Matcher::new(names, &case.gold));
    let matches = matcher.matches(names, &case.gold, case.prediction());
    Example {
        index,
        db_id: case.db_id.clone(),
        question: case.question.clone(),
        gold: case.gold.clone(),
        predicted: case.predicted.clone(),
        is_match: false,
        exact: matches.exact,
        normalised: matches.normalised,
        components: matches.components,
        hardness: matches.hardness,
        bird: false,
        soft_f1: 0.0,
        subset: false,
        r_ves: None,
        failure: None,
        error: None,
        gold_error: None,
        shown: None,
    }
}

fn in_words(judgement: &Judgement) -> Option<String> {
    match judgement {
        Judgement::Wrong(difference) => Some(difference.to_string()),
        Judgement::PredictionFailed(error) => Some(error.to_string()),
        Judgement::Correct | Judgement::GoldFailed(_) => None,
    }
}

/// BIRD's and sql-eval's measures, of the queries with their DISTINCT: on the main database, or on each that was
/// generated.
fn measure(
    example: &mut Example,
    suite: &Suite,
    gold: &Gold,
    verdict: &Verdict<'_>,
    case: &Case,
    options: &EvaluateOptions,
) {
    let differs = |sql: &str| options.ignore_distinct && as_judged(sql, options) != sql;
    let (gold_differs, prediction_differs) = (differs(&case.gold), differs(case.prediction()));
    let count = match suite.is_generated() {
        true => suite.databases().len(),
        false => 1,
    };
    let (mut bird, mut subset, mut f1) = (true, true, 0.0);
    for (at, database) in suite.databases().iter().enumerate().take(count) {
        let run = |sql: &str| database.query(&repaired(sql), &options.budget).ok();
        let expected = match gold_differs {
            true => run(&case.gold).map(Cow::Owned),
            false => Some(Cow::Borrowed(&gold.results[at])),
        };
        let found = match (at, prediction_differs) {
            (0, false) => verdict.main.as_deref().map(Cow::Borrowed),
            _ => run(case.prediction()).map(Cow::Owned),
        };
        let (Some(expected), Some(found)) = (expected, found) else {
            (bird, subset) = (false, false);
            continue;
        };
        bird &= same_rows(&expected, &found);
        subset &= subset_match(&expected, &found, asks_for_order(&case.question));
        f1 += soft_f1(&expected, &found);
    }
    example.bird = bird;
    example.subset = subset;
    example.soft_f1 = f1 / count as f64;
}

/// What a person sees: the results on the first database that differs, otherwise on the main one.
fn shown(seen: &Seen<'_>, rows: usize) -> Shown {
    let (gold, verdict) = seen.seen.ok().unzip();
    let at = verdict.map_or(0, |verdict| verdict.at);
    let predicted = verdict.and_then(|verdict| match verdict.at {
        0 => verdict.main.as_deref(),
        _ => verdict.there.as_ref(),
    });
    let preview = |result: &Rows| Preview::of(result, rows);
    let database = seen.suite.map(|suite| (suite, &suite.databases()[at]));
    Shown {
        schema: seen
            .suite
            .and_then(|suite| schema_text(suite.main()).ok())
            .unwrap_or_default(),
        database: database
            .map(|(suite, database)| name(suite, at, database))
            .unwrap_or_default(),
        gold: gold.map(|gold| preview(&gold.results[at])),
        predicted: predicted.map(preview),
    }
}

/// The file's name; a page that people share has no business with the folders of the machine.
fn name(suite: &Suite, at: usize, database: &Database) -> String {
    suite.label(at).unwrap_or_else(|| {
        let path = database.path();
        let name = path.file_name().unwrap_or(path.as_os_str());
        name.to_string_lossy().into_owned()
    })
}
