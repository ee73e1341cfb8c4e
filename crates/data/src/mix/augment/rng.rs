//! The draws of one row.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::random::{self, below, shuffle};
use crate::{At, Completion, Flaw, Message, Preference, Row, Sample, SqlSample};

/// A generator for one row, one hook and one epoch (ChaCha8, keyed by SHA-256 of what they are).
#[derive(Debug, Clone)]
pub struct RowRng(ChaCha8Rng);

impl RowRng {
    pub(super) fn new(seed: u64, name: &str, row: &Row, epoch: u64) -> Self {
        // The file's name is left out: a run that finds the same file elsewhere draws the same.
        let at = match row.place.at {
            At::Line(line) => format!("line {line}"),
            At::Row(row) => format!("row {row}"),
        };
        // What a row says is in, because rows that an earlier hook made share their place.
        let mut parts = vec!["augment", name, &at];
        parts.extend(content(&row.sample));
        let key = random::key(seed, parts.into_iter().map(str::as_bytes));
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(epoch);
        Self(rng)
    }

    /// A number below `bound`, each equally likely; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        below(&mut self.0, bound)
    }

    /// Puts items in a random order, each equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        shuffle(items, &mut self.0);
    }
}

/// Everything that a sample says. Absent and empty fields count as different, by the part before.
fn content(sample: &Sample) -> Vec<&str> {
    fn messages(messages: &[Message]) -> impl Iterator<Item = &str> {
        messages
            .iter()
            .flat_map(|message| [message.role.as_str(), &message.content])
    }
    fn optional(field: &Option<String>) -> [&str; 2] {
        match field {
            Some(text) => ["some", text],
            None => ["none", ""],
        }
    }
    match sample {
        Sample::Sql(SqlSample {
            question,
            context,
            sql,
            db_id,
            difficulty,
            flaw,
        }) => {
            let fields = [context, db_id, difficulty].map(optional);
            let mut parts = vec!["sql", question, sql];
            parts.extend(fields.as_flattened());
            parts.extend(flaw.map(|flaw| match flaw {
                Flaw::SqlFails => "sql fails",
                Flaw::MissingData => "missing data",
            }));
            parts
        }
        Sample::Conversation(turns) => {
            let mut parts = vec!["conversation"];
            parts.extend(messages(turns));
            parts
        }
        Sample::Completion(Completion { prompt, completion }) => {
            let mut parts = vec!["completion"];
            for (part, turns) in [("prompt", prompt), ("completion", completion)] {
                parts.push(part);
                parts.extend(messages(turns));
            }
            parts
        }
        Sample::Preference(Preference {
            prompt,
            chosen,
            rejected,
        }) => {
            let mut parts = vec!["preference"];
            for (part, turns) in [
                ("prompt", prompt),
                ("chosen", chosen),
                ("rejected", rejected),
            ] {
                parts.push(part);
                parts.extend(messages(turns));
            }
            parts
        }
    }
}
