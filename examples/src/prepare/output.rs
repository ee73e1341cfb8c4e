//! Where examples go: into the document, before a person's eyes, into packed rows.

use std::io::{Stdout, stdout};

use anneal_data::{Example, PackedRow, Prepared, PreparedRow, pack, pack_shuffled};
use anneal_llama::Tokenizer;
use serde::Serialize;

use super::{Document, Marks, Packed, PrepareFlags, show};
use crate::{ExampleError, print};

/// Rows that a person is shown unless told otherwise.
const SHOWN: usize = 3;
/// TRL's default too.
const DEFAULT_CAPACITY: usize = 1024;

/// Takes rows as they come.
#[derive(Debug)]
pub(super) struct Output {
    document: Option<Document<Stdout>>,
    marks: Marks,
    to_show: usize,
    packing: Option<Packing>,
}

/// What is to be packed, and how.
#[derive(Debug)]
struct Packing {
    capacity: usize,
    seed: Option<u64>,
    buckets: Vec<usize>,
    examples: Vec<Example>,
}

/// An example as trainers of other libraries read it.
#[derive(Serialize)]
struct Labelled {
    input_ids: Vec<u32>,
    labels: Vec<i64>,
}

#[derive(Serialize)]
struct Pair {
    chosen: Labelled,
    rejected: Labelled,
}

#[derive(Serialize)]
struct Segmented {
    input_ids: Vec<u32>,
    labels: Vec<i64>,
    segments: Vec<usize>,
    positions: Vec<usize>,
}

impl Output {
    pub(super) fn new(flags: &PrepareFlags) -> Result<Self, ExampleError> {
        let packing = flags.pack.then(|| Packing::new(flags)).transpose()?;
        Ok(Self {
            document: flags.json.then(|| Document::new(stdout())),
            marks: Marks::of_standard_output(),
            to_show: match flags.json {
                true => 0,
                false => flags.limit.unwrap_or(SHOWN),
            },
            packing,
        })
    }

    /// What the marks of the rows mean.
    pub(super) fn legend() -> String {
        Marks::of_standard_output().legend()
    }

    /// The most tokens of an example, if there is a most.
    pub(super) fn max_length(flags: &PrepareFlags) -> Option<usize> {
        flags.max_length.or(flags.pack.then_some(DEFAULT_CAPACITY))
    }

    pub(super) fn row(
        &mut self,
        row: PreparedRow,
        tokenizer: &Tokenizer,
    ) -> Result<(), ExampleError> {
        if self.to_show > 0 {
            self.to_show -= 1;
            self.show(&row, tokenizer)?;
        }
        match (&mut self.packing, &mut self.document, row.prepared) {
            (Some(packing), _, Prepared::Example(example)) => packing.examples.push(example),
            (Some(_), _, Prepared::Pair(_)) => {
                return Err(ExampleError::PackedPreference { place: row.place });
            }
            (None, Some(document), Prepared::Example(example)) => {
                document.push(&labelled(example))?;
            }
            (None, Some(document), Prepared::Pair(pair)) => document.push(&Pair {
                chosen: labelled(pair.chosen),
                rejected: labelled(pair.rejected),
            })?,
            (None, None, _) => {}
        }
        Ok(())
    }

    /// Packs, and ends the document.
    pub(super) fn finish(mut self) -> Result<Option<Packed>, ExampleError> {
        let packed = match self.packing {
            Some(packing) => Some(packing.finish(self.document.as_mut())?),
            None => None,
        };
        if let Some(document) = self.document {
            document.finish()?;
        }
        Ok(packed)
    }

    fn show(&self, row: &PreparedRow, tokenizer: &Tokenizer) -> Result<(), ExampleError> {
        let parts = match &row.prepared {
            Prepared::Example(example) => vec![("", example)],
            Prepared::Pair(pair) => {
                vec![(", chosen", &pair.chosen), (", rejected", &pair.rejected)]
            }
        };
        let mut text = String::new();
        for (part, example) in parts {
            let heading = format!("{}{part}", row.place);
            text.push_str(&show(&heading, example, tokenizer, self.marks)?);
            text.push('\n');
        }
        print(&text)
    }
}

impl Packing {
    fn new(flags: &PrepareFlags) -> Result<Self, ExampleError> {
        let capacity = Output::max_length(flags).unwrap_or(DEFAULT_CAPACITY);
        let buckets = flags.buckets.clone();
        let ascend = buckets.is_sorted_by(|a, b| a < b) && buckets.first() != Some(&0);
        if !ascend || buckets.last().is_some_and(|&last| last < capacity) {
            return Err(ExampleError::Setting {
                setting: "buckets",
                found: format!("{buckets:?}"),
                expected: format!("ascending lengths, the last at least --max-length ({capacity})"),
            });
        }
        Ok(Self {
            capacity,
            seed: flags.seed,
            buckets,
            examples: Vec::new(),
        })
    }

    fn finish(self, document: Option<&mut Document<Stdout>>) -> Result<Packed, ExampleError> {
        let lengths: Vec<usize> = self.examples.iter().map(Example::len).collect();
        let rows = match self.seed {
            Some(seed) => pack_shuffled(&lengths, self.capacity, seed, 0),
            None => pack(&lengths, self.capacity),
        };
        let rows = rows.map_err(anneal_data::DataError::from)?;
        let tokens = |row: &Vec<usize>| row.iter().map(|&index| lengths[index]).sum();
        let packed = Packed {
            rows: rows.len(),
            places: rows
                .iter()
                .map(tokens)
                .map(|tokens| self.width(tokens))
                .sum(),
            capacity: self.capacity,
        };
        if let Some(document) = document {
            for row in rows {
                let parts = row.iter().map(|&index| (index, &self.examples[index]));
                let row = PackedRow::new(parts);
                document.push(&Segmented {
                    labels: row.labels(),
                    positions: row.positions(),
                    input_ids: row.input_ids,
                    segments: row.segments,
                })?;
            }
        }
        Ok(packed)
    }

    /// The length that a row of so many tokens is padded to.
    fn width(&self, tokens: usize) -> usize {
        let holds = self.buckets.iter().find(|&&width| width >= tokens);
        holds.copied().unwrap_or(self.capacity)
    }
}

fn labelled(example: Example) -> Labelled {
    Labelled {
        labels: example.labels(),
        input_ids: example.input_ids,
    }
}
