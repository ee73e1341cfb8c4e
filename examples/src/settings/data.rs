//! What is learned from, what is held out, and how rows become batches.

use std::path::PathBuf;

use anneal_data::{BatchConfig, Columns, Format, LengthPolicy, OnBadRow};
use serde::{Serialize, Serializer};

use super::check::{at_least_1, refuse, required, share, word};
use super::given::given;
use crate::ExampleError;

given! {
    /// Settings of the data.
    GivenData {
        /// Questions to learn from: {"db_id", "question", "sql", "context"} or {"question", "context", "answer"}, or
        /// conversations; JSON lines, JSON arrays, CSV, TSV (plain, .xz, .gz or .zst), Parquet, Arrow; patterns in
        /// quotes; may be repeated
        data: Vec<String>,
        /// One weight for each --data, with commas between them: the files are mixed by weight, and an epoch ends
        /// with the first that is through [default: all rows of all files]
        #[arg(value_delimiter = ',')]
        data_weights: Vec<f64>,
        /// What the rows' fields mean: sql-create-context, spider, alpaca, sharegpt, messages or prompt-completion
        /// [default: told by the fields of each file's first row]
        format: String,
        /// What the files call the format's fields: question=utterance,sql=query
        #[arg(value_name = "FIELD=COLUMN,..")]
        columns: String,
        /// A row that cannot be used ends the run, or it is left out and counted: fail or set-apart [default: fail]
        on_bad_row: String,
        /// The folder of the databases, DIR/<db_id>/<db_id>.sqlite; without it execution accuracy is measured on
        /// databases that are made from each question's context and SQL
        databases: PathBuf,
        /// Held-out questions of your own, in any form of --data; nothing is then held out of --data, but rows that
        /// ask one of these questions are left out
        validation: Vec<String>,
        /// Hold out every N-th database of the sorted list; 0 holds out none [default: 10]
        hold_out_every: usize,
        /// The part of the rows without db_id that is held out, by the tables of their context; 0 holds out none
        /// [default: 0.1]
        hold_out: f64,
        /// Learn from this many rows at most, drawn by the seed
        max_rows: usize,
        /// Leave out rows that say the same as an earlier one [default: false]
        #[arg(num_args = 0..=1, default_missing_value = "true")]
        dedupe: bool,
        /// Leave out rows whose SQL does not run on an empty database made of its context [default: false]
        #[arg(num_args = 0..=1, default_missing_value = "true")]
        check_sql: bool,
        /// Leave out the questions and databases of this file, such as a benchmark's
        purge: PathBuf,
        /// Put this many tables of other rows into each row's context [default: 0]
        distractor_tables: usize,
        /// Put each context's tables in a random order [default: false]
        #[arg(num_args = 0..=1, default_missing_value = "true")]
        shuffle_tables: bool,
        /// Keep the rows as they are beside those with other tables [default: false]
        #[arg(num_args = 0..=1, default_missing_value = "true")]
        keep_originals: bool,
        /// Whether queries to learn name their tables by aliases where they do (keep), or by the tables' own
        /// names (spell-out): T1.name is then film.name [default: keep]
        aliases: String,
        /// The order of an epoch: shuffled, or short-first [default: shuffled]
        order: String,
        /// Rows with more tokens are left out [default: 384]
        max_length: usize,
        /// What becomes of longer rows: drop, or shorten by whole tables of their context [default: drop]
        over_length: String,
        /// Examples of an optimiser step [default: 4]
        batch_size: usize,
        /// Tokens that go through the model at once, padding included; bounds memory [default: 1024]
        micro_tokens: usize,
        /// Put several examples into one row, as far as micro-tokens allow; a step holds the same examples either
        /// way, and =false gives each a row of its own [default: true]
        #[arg(num_args = 0..=1, default_missing_value = "true")]
        pack: bool,
        /// Widths that rows are padded to, ascending, with commas between them [default: multiples of 8]
        #[arg(value_delimiter = ',')]
        buckets: Vec<usize>,
    }
}

/// What becomes of aliases of tables in queries to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aliases {
    /// They stay.
    Keep,
    /// The tables' own names stand for them, where that says the same: [`anneal_sql::without_aliases`].
    SpellOut,
}

/// The order of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EpochOrder {
    /// By seed and epoch.
    Shuffled,
    /// By length, ascending; equal ones by seed and epoch.
    ShortFirst,
}

/// Settings of the data, every value decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataSettings {
    /// Files to learn from.
    pub data: Vec<String>,
    /// Their weights; empty where all rows are taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data_weights: Vec<f64>,
    /// The format, if it is not told by the fields.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub format: Option<Format>,
    /// The files' names for our fields.
    #[serde(skip_serializing_if = "no_columns", serialize_with = "debugged")]
    pub columns: Columns,
    /// What becomes of wrong rows.
    pub on_bad_row: OnBadRow,
    /// Databases.
    pub databases: Option<PathBuf>,
    /// Files of held-out questions.
    pub validation: Vec<String>,
    /// Every N-th database is held out.
    pub hold_out_every: usize,
    /// The part of the rows without a database that is held out.
    pub hold_out: f64,
    /// Rows to learn from at most.
    pub max_rows: Option<usize>,
    /// Whether repeated rows are left out.
    pub dedupe: bool,
    /// Whether rows are left out whose SQL does not run.
    pub check_sql: bool,
    /// A file whose questions and databases are left out.
    pub purge: Option<PathBuf>,
    /// Tables of other rows for each context.
    pub distractor_tables: usize,
    /// Whether tables are put in a random order.
    pub shuffle_tables: bool,
    /// Whether rows stay beside what was made of them.
    pub keep_originals: bool,
    /// What becomes of aliases of tables in queries to learn.
    pub aliases: Aliases,
    /// The order of an epoch.
    pub order: EpochOrder,
    /// Rows with more tokens are left out.
    pub max_length: usize,
    /// What becomes of longer rows.
    pub over_length: LengthPolicy,
}

fn as_text<S: Serializer>(format: &Option<Format>, to: S) -> Result<S::Ok, S::Error> {
    match format {
        Some(format) => to.collect_str(format),
        None => to.serialize_none(),
    }
}

fn no_columns(columns: &Columns) -> bool {
    *columns == Columns::default()
}

fn debugged<S: Serializer>(columns: &Columns, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{columns:?}"))
}

impl GivenData {
    /// Fills in the defaults and checks; the second value is what batches need.
    pub(super) fn resolve(self, seed: u64) -> Result<(DataSettings, BatchConfig), ExampleError> {
        let mut batches = BatchConfig {
            batch_size: at_least_1("batch-size", self.batch_size.unwrap_or(4))?,
            micro_tokens: at_least_1("micro-tokens", self.micro_tokens.unwrap_or(1024))?,
            buckets: self.buckets.unwrap_or_default(),
            seed,
            ..BatchConfig::default()
        };
        if self.pack.unwrap_or(true) {
            batches.capacity = Some(capacity(&batches)?);
        }
        let data = required("data", self.data.filter(|files| !files.is_empty()))?;
        let data_weights = self.data_weights.unwrap_or_default();
        let order = word(
            "order",
            self.order.as_deref(),
            &[
                ("shuffled", EpochOrder::Shuffled),
                ("short-first", EpochOrder::ShortFirst),
            ],
        )?;
        check_weights(&data_weights, data.len(), order)?;
        let distractor_tables = self.distractor_tables.unwrap_or(0);
        let shuffle_tables = self.shuffle_tables.unwrap_or(false);
        let keep_originals = self.keep_originals.unwrap_or(false);
        if keep_originals && distractor_tables == 0 && !shuffle_tables {
            let expected = "--distractor-tables or --shuffle-tables beside it: nothing is varied";
            return Err(refuse("keep-originals", "given", expected));
        }
        let format = self.format.map(|name| name.parse::<Format>());
        let columns = self.columns.unwrap_or_default().parse::<Columns>();
        let settings = DataSettings {
            data,
            data_weights,
            format: format.transpose().map_err(anneal_data::DataError::from)?,
            columns: columns.map_err(anneal_data::DataError::from)?,
            on_bad_row: word(
                "on-bad-row",
                self.on_bad_row.as_deref(),
                &[("fail", OnBadRow::Fail), ("set-apart", OnBadRow::SetApart)],
            )?,
            databases: self.databases,
            validation: self.validation.unwrap_or_default(),
            hold_out_every: self.hold_out_every.unwrap_or(10),
            hold_out: share("hold-out", self.hold_out.unwrap_or(0.1))?,
            max_rows: self
                .max_rows
                .map(|rows| at_least_1("max-rows", rows))
                .transpose()?,
            dedupe: self.dedupe.unwrap_or(false),
            check_sql: self.check_sql.unwrap_or(false),
            purge: self.purge,
            distractor_tables,
            shuffle_tables,
            keep_originals,
            aliases: word(
                "aliases",
                self.aliases.as_deref(),
                &[("keep", Aliases::Keep), ("spell-out", Aliases::SpellOut)],
            )?,
            order,
            max_length: at_least_1("max-length", self.max_length.unwrap_or(384))?,
            over_length: word(
                "over-length",
                self.over_length.as_deref(),
                &[
                    ("drop", LengthPolicy::Drop),
                    ("shorten", LengthPolicy::ShortenContext),
                ],
            )?,
        };
        Ok((settings, batches))
    }
}

/// Tokens of a packed row: as many as a micro-batch can hold in one.
fn capacity(batches: &BatchConfig) -> Result<usize, ExampleError> {
    batches.widest_row().ok_or_else(|| {
        let narrowest = batches.buckets.first().unwrap_or(&batches.width_step);
        let expected = format!("at least {narrowest}, the narrowest row");
        refuse("micro-tokens", &batches.micro_tokens.to_string(), &expected)
    })
}

fn check_weights(weights: &[f64], files: usize, order: EpochOrder) -> Result<(), ExampleError> {
    if weights.is_empty() {
        return Ok(());
    }
    let found = weights.iter().map(f64::to_string).collect::<Vec<_>>();
    let refuse = |expected: &str| Err(refuse("data-weights", &found.join(","), expected));
    if weights.len() != files {
        return refuse(&format!("one weight for each of {files} --data"));
    }
    if !weights
        .iter()
        .all(|weight| weight.is_finite() && *weight > 0.0)
    {
        return refuse("positive numbers");
    }
    if order != EpochOrder::Shuffled {
        return refuse("no weights with --order short-first");
    }
    Ok(())
}
