//! The run: source, reading, checks, encoder, and what comes out of them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anneal_data::{DataError, Encoder, LengthPolicy, Preparer, Rows, Source, Turns};
use anneal_train::{Progress, ProgressReport};

use super::account::Account;
use super::checks::{Checks, cleaner};
use super::made::{Made, check_manifest};
use super::number::counted;
use super::output::Output;
use super::watched::{Part, Watched};
use super::{OverLength, PrepareFlags, Text, TurnsFlag};
use crate::{ExampleError, print, write_whole};

/// Rows between two looks at the clock.
const BETWEEN_UPDATES: usize = 256;
/// What is over or refused sooner needs no progress, and an error then stands alone.
const QUIET: Duration = Duration::from_secs(2);

/// Does what the flags ask for: a document or a view on standard output, all else on standard error.
///
/// # Errors
/// A model, file, template or setting that is no good; a row that is, unless it may be set apart; a
/// manifest that says otherwise.
pub fn prepare(flags: &PrepareFlags, progress: ProgressReport) -> Result<(), ExampleError> {
    if let Some(threads) = flags.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build_global()
            .map_err(|source| ExampleError::Threads { threads, source })?;
    }
    let text = Text::open(flags, progress)?;
    let source = Source::parse(&flags.data)?;
    let max_length = Output::max_length(flags);
    let prompt = flags.sql_prompt()?;
    let checks = Checks {
        purge: flags.purge.clone(),
        check_sql: flags.check_sql,
        dedupe: flags.dedupe,
    };
    let preparer = Preparer::new(&text, encoder(flags, &text, max_length)?)
        .with_prompt(prompt.clone())
        .with_cleaner(cleaner(&checks, || rows(flags, &source))?)
        .with_on_bad_row(flags.on_bad_row);
    let (mut output, mut account) = (Output::new(flags)?, Account::new());
    let (part, mut bar, begun) = (Part::default(), Progress::new(progress), Instant::now());
    let (mut rows, mut by_file) = (rows(flags, &source), BTreeMap::new());
    let watched = Watched::new(&mut rows, flags.limit, &part, &mut by_file);
    let mut report = preparer.run(watched, |row| {
        account.keep(&row);
        let look = account.examples().is_multiple_of(BETWEEN_UPDATES);
        if look && begun.elapsed() >= QUIET {
            bar.update(part.get(), &account.pace());
        }
        output.row(row, &text.tokenizer)
    })?;
    let mut set_apart = rows.take_set_apart();
    report.rows += set_apart.len();
    set_apart.append(&mut report.set_apart);
    report.set_apart = set_apart;
    if report.lengths.kept == 0 {
        return Err(nothing_kept(
            flags,
            &account.summary(String::new(), &report, max_length, None),
        ));
    }
    bar.finish(&account.pace());
    let packed = output.finish()?;
    let format = rows
        .format()
        .map_or(String::new(), |format| format!(", read as {format}"));
    let files = counted(source.files().len(), "file");
    let summary = account.summary(format!("{files}{format}"), &report, max_length, packed);
    tell(flags, &summary.text())?;
    if let Some(path) = &flags.set_apart {
        let mut lines = Vec::new();
        anneal_data::write_set_apart(&mut lines, &report.set_apart).map_err(DataError::from)?;
        write_whole(path, lines)?;
    }
    let made = Made {
        flags,
        text: &text,
        prompt: &prompt,
        source: &source,
        by_file: &by_file,
        report: &report,
        account: &account,
    };
    check_manifest(&made)
}

/// The rows that the flags name, from the beginning.
fn rows(flags: &PrepareFlags, source: &Source) -> Rows {
    Rows::new(source.records())
        .with_format(flags.format)
        .with_columns(flags.columns.clone())
        .with_on_bad_row(flags.on_bad_row)
}

fn encoder(
    flags: &PrepareFlags,
    text: &Text,
    max_length: Option<usize>,
) -> Result<Encoder, ExampleError> {
    let encoder = Encoder::new(text.template.clone(), max_length.unwrap_or(usize::MAX))?;
    let turns = match flags.turns {
        TurnsFlag::All => Turns::All,
        TurnsFlag::Last => Turns::Last,
    };
    let policy = match flags.over_length {
        OverLength::Drop => LengthPolicy::Drop,
        OverLength::Shorten => LengthPolicy::ShortenContext,
    };
    Ok(encoder.with_turns(turns).with_policy(policy))
}

/// The summary goes where the rows are shown, and out of a document's way.
fn tell(flags: &PrepareFlags, summary: &str) -> Result<(), ExampleError> {
    if flags.json {
        let written = std::io::stderr().write_all(summary.as_bytes());
        return written.map_err(ExampleError::io("standard error"));
    }
    print(&format!("{}\n\n{summary}", Output::legend()))
}

fn nothing_kept(flags: &PrepareFlags, summary: &super::Summary) -> ExampleError {
    let reasons = summary.left_out.iter();
    let reasons: Vec<String> = reasons
        .map(|(why, count)| format!("{count} {why}"))
        .collect();
    ExampleError::NoRows {
        path: flags.data.join(", ").into(),
        purpose: "learn from",
        reason: match reasons.is_empty() {
            true => "there is none".to_owned(),
            false => reasons.join(", "),
        },
    }
}
