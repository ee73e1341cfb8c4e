//! Many cases judged over several threads.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::matches::Matcher;
use super::opened::Opened;
use super::plan::Group;
use super::{
    Case, EvaluateError, EvaluateOptions, Example, GoldPolicy, Source, examine, timing, workers,
};
use crate::suite::Verdict;
use crate::{Gold, Judgement, QueryError, Suite, without_distinct};

/// Judges many predictions.
///
/// Cases are grouped by database and gold: a gold runs once on each database of its suite, however many
/// predictions share it, and a prediction with the same text as another, or as its gold, is not run again.
/// Results are held only while they are compared with: one gold's for each thread, each within the budget's
/// bytes on each database of the suite. Each thread has its own connections and opens a database about once;
/// databases are generated once for each gold and context.
/// The output is in the order of the cases and the same for any number of threads, as long as no query runs into
/// the budget's wall time.
///
/// ```
/// use anneal_sql::{Case, EvaluateOptions, Evaluator, Failure, Source};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::create_dir(folder.path().join("film"))?;
/// rusqlite::Connection::open(folder.path().join("film/film.sqlite"))?
///     .execute_batch("CREATE TABLE film (title, year); INSERT INTO film VALUES ('Gilda', 1946), ('Vertigo', 1958)")?;
/// let case = |predicted: &str| Case {
///     db_id: "film".into(),
///     question: "Which film is from 1946?".into(),
///     gold: "SELECT title FROM film WHERE year = 1946".into(),
///     predicted: Some(predicted.into()),
///     context: None,
/// };
/// let cases = [case("SELECT title FROM film WHERE year < 1950"), case("SELECT name FROM film")];
/// let evaluator = Evaluator::new(Source::Folder(folder.path().into()), EvaluateOptions::default());
/// let examples = evaluator.evaluate(&cases)?;
/// assert!(examples[0].is_match && examples[0].bird);
/// assert_eq!(examples[1].failure, Some(Failure::UnknownColumn));
/// assert_eq!(examples[1].error.as_deref(), Some("no such column: name"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Evaluator<'a> {
    source: Source,
    options: EvaluateOptions,
    progress: Box<dyn Fn(usize, usize) + Sync + 'a>,
}

impl std::fmt::Debug for Evaluator<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = formatter.debug_struct("Evaluator");
        fields.field("source", &self.source);
        fields
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// What is at hand when a case is looked at.
pub(super) struct Seen<'a> {
    /// None where none could be made for the gold.
    pub(super) suite: Option<&'a Suite>,
    pub(super) matcher: &'a OnceCell<Matcher>,
    /// Gold and verdict of the queries as judged, or why the gold does not run.
    pub(super) seen: Result<(&'a Gold, &'a Verdict<'a>), &'a QueryError>,
}

impl<'a> Evaluator<'a> {
    /// An evaluator over the databases of `source`.
    #[must_use]
    pub fn new(source: Source, options: EvaluateOptions) -> Self {
        Self {
            source,
            options,
            progress: Box::new(|_, _| {}),
        }
    }

    /// Tells `progress` how many cases are done, and of how many. It is called from several threads, so
    /// that numbers may come out of order.
    #[must_use]
    pub fn on_progress(mut self, progress: impl Fn(usize, usize) + Sync + 'a) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// The verdict on each case, and nothing else.
    ///
    /// # Errors
    /// A database that cannot be used, a case without context where databases are generated, and, by
    /// [`GoldPolicy::Fail`], a gold that does not run or a context that no database can be made from; of the
    /// first such case, see [`EvaluateError::case`].
    pub fn judge(&self, cases: &[Case]) -> Result<Vec<Judgement>, EvaluateError> {
        self.run(cases, |seen, _| match seen.seen {
            Ok((_, verdict)) => verdict.judgement.clone(),
            Err(error) => Judgement::GoldFailed(error.clone()),
        })
    }

    /// Everything about each case.
    ///
    /// BIRD's and sql-eval's measures are for the queries as they stand; where a prediction does not run it has none of
    /// them. They are those on the main database, as in their scripts; on generated databases, of which none is the
    /// main one, the matches must hold on each, and soft F1 is the mean. With
    /// [`EvaluateOptions::time_queries`], queries with BIRD's match are timed afterwards, one at a time.
    ///
    /// # Errors
    /// As [`Evaluator::judge`].
    pub fn evaluate(&self, cases: &[Case]) -> Result<Vec<Example>, EvaluateError> {
        let mut examples = self.run(cases, |seen, index| {
            examine::example(seen, index, &cases[index], &self.options)
        })?;
        if let Some(runs) = self.options.time_queries {
            let mut opened = Opened::new(&self.source);
            for (example, case) in examples.iter_mut().zip(cases) {
                if example.gold_error.is_some() {
                    continue;
                }
                let suite = opened.suite(example.index, case, &self.as_judged(&case.gold))?;
                timing::time(suite.main(), example, runs, &self.options.budget);
            }
        }
        Ok(examples)
    }

    fn run<T: Send>(
        &self,
        cases: &[Case],
        each: impl Fn(&Seen<'_>, usize) -> T + Sync,
    ) -> Result<Vec<T>, EvaluateError> {
        let work = |opened: &mut Opened, group: &Group| {
            // For errors: the earliest of the group, which is sorted by prediction.
            let first = group.iter().min().copied().unwrap_or_default();
            let gold = self.as_judged(&cases[first].gold);
            let ready = opened
                .suite(first, &cases[first], &gold)
                .and_then(|suite| Ok((suite, self.gold(suite, &gold, first)?)));
            let matcher = OnceCell::new();
            let (suite, gold) = match ready {
                Ok(ready) => ready,
                Err(error) => {
                    let left_out = (self.options.gold == GoldPolicy::LeaveOut)
                        .then(|| error.left_out())
                        .flatten();
                    let why = left_out.ok_or(error)?;
                    let seen = Seen {
                        suite: None,
                        matcher: &matcher,
                        seen: Err(&why),
                    };
                    return Ok(group.iter().map(|&index| each(&seen, index)).collect());
                }
            };
            let mut last: Option<(&str, Verdict<'_>)> = None;
            let outputs = group.iter().map(|&index| {
                let predicted = cases[index].prediction();
                let same = last.take().filter(|(text, _)| *text == predicted);
                let (_, verdict) = last.insert(same.unwrap_or_else(|| {
                    let judged = self.as_judged(predicted);
                    let verdict = suite.verdict(&gold, &judged, &self.options.budget);
                    (predicted, verdict)
                }));
                let seen = Seen {
                    suite: Some(suite),
                    matcher: &matcher,
                    seen: Ok((&gold, verdict)),
                };
                each(&seen, index)
            });
            Ok(outputs.collect())
        };
        let state = || Opened::new(&self.source);
        workers::run(cases, self.options.threads, &*self.progress, state, work)
    }

    /// The gold's results, or an error with the case.
    fn gold(&self, suite: &Suite, gold: &str, case: usize) -> Result<Gold, EvaluateError> {
        let ran = suite.gold(gold, &self.options.budget);
        ran.map_err(|(at, source)| EvaluateError::Gold {
            case,
            database: match suite.label(at) {
                Some(label) => label.into(),
                None => suite.databases()[at].path().to_owned(),
            },
            source,
        })
    }

    fn as_judged<'s>(&self, sql: &'s str) -> Cow<'s, str> {
        as_judged(sql, &self.options)
    }
}

/// The query that the verdict is about.
pub(super) fn as_judged<'s>(sql: &'s str, options: &EvaluateOptions) -> Cow<'s, str> {
    match options.ignore_distinct {
        true => Cow::Owned(without_distinct(sql)),
        false => Cow::Borrowed(sql),
    }
}
