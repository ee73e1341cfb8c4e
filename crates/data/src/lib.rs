//! Data for fine-tuning: from files of rows to batches of token ids that say what is learned.
//!
//! The way of a row:
//!
//! 1. **Source.** A [`Source`] names files (JSON lines, JSON, CSV, TSV, Parquet, Arrow; text also
//!    compressed; with the feature `hub` data sets by their id) and streams [`Record`]s, each with its
//!    [`Place`].
//! 2. **Meaning.** [`Rows`] turns records into [`Row`]s: a [`Reading`] knows the [`Format`] and the
//!    [`Columns`]. A row is a text-to-SQL sample, a conversation, a prompt with its completion, or a
//!    preference ([`Sample`]).
//! 3. **Cleaning, splits, mixtures.** A [`Cleaner`] of [`Check`]s, a [`PurgeList`] and [`Duplicates`] set
//!    rows apart with the reason; [`GroupSplit`] deals the rest to parts, and [`find_leaks`] looks at what
//!    the parts share. [`Augmenter`]s make more rows of them.
//! 4. **Template.** [`SqlPrompt`] makes a sample a conversation, [`ChatTemplate`] makes that text.
//! 5. **Spans, lengths.** An [`Encoder`] finds the answers in the text ([`TrainingText`]) and makes an
//!    [`Example`]: ids, and which of them are learned. What is too long is dropped, or loses tables
//!    ([`LengthPolicy`]). A [`Preparer`] does this for streams of rows, on all threads, in order.
//! 6. **Packing, batches.** [`Batches`] deals examples to optimizer steps, packs them into rows and cuts
//!    these into micro-batches; a [`Mixture`] or a [`Curriculum`] may give the [`Order`].
//! 7. **Manifest, cursor.** A [`Manifest`] says what a run was made of; a [`Feed`] gives steps without
//!    end, and goes on from a [`Cursor`] exactly.
//!
//! There are no tensors here, no tokenizer and no SQL parser: a tokenizer is anything that implements
//! [`Tokenize`], such as a closure, and a check of SQL is a [`Check`] from outside.
//!
//! What must hold, and is tested:
//!
//! - No group is on two sides of a split, and adding rows moves no group (but see [`GroupBy::Tables`]).
//! - The trained span is the answer and its end token, by place in the text and never by token id; so an
//!   end token is learned even where padding uses the same id.
//! - The prompt's ids are how the example's ids begin, or it is an error.
//! - Nothing is lost silently: rows that are set apart, dropped or shortened are counted, and a damaged
//!   file is an error whatever the policy.
//! - Without an order of its own, every example is in every epoch once, in an order that depends on the
//!   seed and the epoch alone.
//! - Packing cuts no example and loses no token, and a step holds the same examples packed or not.
//! - The result is the same whatever the number of threads.
//!
//! ```
//! use anneal_data::{
//!     BatchConfig, Batches, ChatTemplate, DataError, DuplicateConfig, Encoder, ExamplesDigest, Feed,
//!     GroupBy, GroupSplit, LeakConfig, LengthPolicy, Manifest, Preparer, ResultEntry, Rows, Source,
//!     SourceEntry, find_leaks, remove_duplicates,
//! };
//!
//! // 40 rows of 40 tables, and the first of them again.
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("rows.jsonl");
//! let line = |i: usize| {
//!     let (question, context) = (format!("How many in {i}?"), format!("CREATE TABLE t{i} (x INT)"));
//!     let answer = format!("SELECT COUNT(*) FROM t{i}");
//!     format!(r#"{{"question": "{question}", "context": "{context}", "answer": "{answer}"}}"#) + "\n"
//! };
//! std::fs::write(&file, (0..40).map(line).collect::<String>() + &line(0))?;
//!
//! // Records and their meaning; duplicates are set apart; no table is on both sides.
//! let source = Source::of_files(vec![file.clone()])?;
//! let rows = Rows::new(source.records()).collect::<Result<Vec<_>, _>>()?;
//! let cleaned = remove_duplicates(rows, DuplicateConfig::default())?;
//! assert_eq!((cleaned.rows.len(), cleaned.set_apart.len()), (40, 1));
//! let parts = GroupSplit::new(GroupBy::TableSet, &[("test", 0.2)], 7)?.split(cleaned.rows).parts;
//! let (train, test) = (&parts[0].rows, &parts[1].rows);
//! assert_eq!(train.len() + test.len(), 40);
//! assert_eq!(find_leaks(train, test, &LeakConfig::default())?.tables.held_out_rows, 0);
//!
//! // Template, spans and lengths; here bytes are ids.
//! let bytes = |text: &str| Ok::<_, std::io::Error>(text.bytes().map(u32::from).collect());
//! let encoder = Encoder::new(ChatTemplate::chatml()?, 512)?.with_policy(LengthPolicy::ShortenContext);
//! let mut examples = Vec::new();
//! let report = Preparer::new(&bytes, encoder).run(train.iter().cloned().map(Ok), |row| {
//!     examples.extend(row.prepared.examples().cloned());
//!     Ok::<_, DataError>(())
//! })?;
//! assert_eq!((report.rows, report.lengths.kept), (train.len(), examples.len()));
//! let learned: Vec<u8> = examples[0].targets().ids.iter().map(|&id| id as u8).collect();
//! assert!(learned.starts_with(b"SELECT COUNT(*) FROM t") && learned.ends_with(b"<|im_end|>"));
//!
//! // Packed batches, which a cursor resumes.
//! let config = BatchConfig { capacity: Some(1024), ..BatchConfig::default() };
//! let batches = Batches::new(examples, config)?;
//! assert!(batches.padding(0).segments_per_row() > 2.0);
//! let mut feed = Feed::new(&batches);
//! assert_eq!(feed.next().map(|step| step.examples()), Some(16));
//! let cursor = feed.cursor();
//! let rest: Vec<_> = feed.take(5).collect();
//! assert!(Feed::resume(&batches, &cursor)?.take(5).eq(rest));
//!
//! // What the run was made of.
//! let fields = ["question", "context", "answer"].map(str::to_owned).to_vec();
//! let manifest = Manifest {
//!     sources: vec![SourceEntry::of_file("rows.jsonl", &file, "sql-create-context", fields, 41)?],
//!     result: Some(ResultEntry {
//!         examples: report.lengths.kept as u64,
//!         tokens: report.tokens as u64,
//!         trained_tokens: report.trained_tokens as u64,
//!         digest: ExamplesDigest::of(batches.examples()),
//!     }),
//!     ..Manifest::default()
//! };
//! let path = folder.path().join("manifest.json");
//! manifest.write(&path)?;
//! assert_eq!(Manifest::read(&path)?.compare(&manifest)?, []);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod clean;
mod encode;
mod error;
mod format;
mod hex;
mod json_lines;
mod length;
mod manifest;
mod message;
mod mix;
mod pack;
mod pipeline;
mod prediction;
mod question;
mod random;
mod record;
mod sample;
mod source;
mod split;
mod sql_prompt;
mod template;

pub use batch::{BatchConfig, Batches, MicroBatch, Padding, Step};
pub use clean::{
    BENCHMARK_DATABASE, BENCHMARK_QUESTION, CONFLICT, Check, CleanError, Cleaned, Cleaner,
    Conflicts, DUPLICATE, DuplicateConfig, Duplicates, Fault, Met, NEAR_BENCHMARK_QUESTION,
    NEAR_DUPLICATE, PurgeList, Reason, SetApart, TextCheck, count_reasons, remove_duplicates,
    write_set_apart,
};
pub use encode::{
    Cut, EncodeReport, Encoded, Encoder, Example, IGNORE_LABEL, PreferenceExample, Span, Targets,
    Tokenize, TrainingText, Turns, encode_example, mark,
};
pub use error::DataError;
pub use format::{Columns, Format, FormatError, Reading};
pub use length::{Fitted, LengthError, LengthPolicy, LengthReport, table_ends};
pub use manifest::{
    BatchesDigest, Cursor, Difference, EncodingEntry, ExamplesDigest, Feed, Manifest,
    ManifestError, MixtureEntry, ResultEntry, SourceEntry, SplitEntry, StepEntry, TemplateEntry,
    TokenizerEntry, sha256_hex,
};
pub use message::{Message, Role};
pub use mix::{
    Augment, AugmentConfig, AugmentReport, Augmenter, Competence, Curriculum, CurriculumKind,
    DistractorTables, Draw, Draws, Growth, MixConfig, MixError, MixLength, MixSource, MixWeights,
    Mixture, Order, Originals, Paraphrases, RowRng, Shuffled, ShuffledTables, SourceProgress,
    difficulty_scores,
};
pub use pack::{PackError, PackedRow, StreamPacker, pack, pack_shuffled};
pub use pipeline::{OnBadRow, PrepareReport, Prepared, PreparedRow, Preparer, Rows};
pub use prediction::read_predictions;
pub use question::{Question, read_questions};
pub use record::{At, Place, Record};
pub use sample::{Completion, Flaw, Preference, Row, Sample, SqlSample};
pub use source::{
    Compression, FileFingerprint, FileFormat, FileRecords, ReadOptions, Records, Source,
    SourceError,
};
#[cfg(feature = "hub")]
pub use source::{HubDataset, HubOptions, HubProgress, fetch_dataset};
pub use split::{
    GroupBy, GroupKey, GroupReport, GroupSplit, KeyKind, LargeGroup, Leak, LeakConfig, LeakExample,
    LeakReport, Literals, NearConfig, Part, PartReport, Parts, Shingles, Split, SplitError,
    find_leaks, normal_question, normal_sql, table_names,
};
pub use sql_prompt::{PromptParts, SqlPrompt};
pub use template::{BuiltInTemplate, ChatTemplate, SpecialTokens, TemplateError};
