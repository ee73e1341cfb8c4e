//! What the model is taught: databases of many domains and questions about them.

use std::path::Path;

use anneal_data::Question;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::asked::ask;
use super::domain::{Domain, DomainError, parse_domains};
use super::draw::{Case, Drawer, Naming, Shape};
use super::made::Made;
use crate::ExampleError;

/// The domains that the repository's model has seen, and the held-out ones.
const FILES: [&str; 5] = [
    include_str!("domains/culture.txt"),
    include_str!("domains/business.txt"),
    include_str!("domains/public.txt"),
    include_str!("domains/free_time.txt"),
    include_str!("domains/land.txt"),
];

/// Domains that nothing is learned from: the model is measured on them.
pub const HELD_OUT: [&str; 4] = ["zoo", "cinema", "insurance", "chess"];

/// A database and what is asked about it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The database.
    pub made: Made,
    /// Questions with their SQL; each has the schema as its context.
    pub questions: Vec<Question>,
}

/// Every domain, the held-out ones too.
///
/// # Errors
/// The first line that is no domain's; a test reads them all.
pub fn domains() -> Result<Vec<Domain>, DomainError> {
    let mut all = Vec::new();
    for text in FILES {
        all.extend(parse_domains(text)?);
    }
    Ok(all)
}

/// `count` databases of the domains, each with up to `questions` questions; their files are written into `folder`.
///
/// Names are the domain's own, mixed from all domains, or invented: a model that
/// met only names that it knows would learn them by heart and not to copy.
/// A database depends on the seed and its place, not on the threads.
///
/// # Errors
/// What composing or the disk refuses.
pub fn corpus(
    domains: &[Domain],
    count: usize,
    questions: usize,
    folder: &Path,
    seed: u64,
) -> Result<Vec<Asked>, ExampleError> {
    (0..count)
        .into_par_iter()
        .map(|index| {
            // Streams of one seed do not overlap.
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(index as u64);
            let (naming, case) = (naming(&mut random), case(&mut random));
            let shape = Shape {
                tables: 3,
                columns: 4,
                rows: 20,
                alternatives: true,
            };
            let drawer = Drawer {
                all: domains,
                shape,
            };
            let domain = domains.choose(&mut random);
            let domain = domain.ok_or(ExampleError::NoDomains)?;
            let name = format!("{}_{index}", domain.name);
            let made = drawer.draw(domain, (naming, case), name, &mut random);
            made.write(folder)?;
            let questions = ask(&made, folder, questions, random.random())?;
            Ok(Asked { made, questions })
        })
        .collect()
}

fn naming(random: &mut ChaCha8Rng) -> Naming {
    match random.random_range(0..10) {
        0..4 => Naming::Own,
        4..7 => Naming::Mixed,
        _ => Naming::Invented,
    }
}

fn case(random: &mut ChaCha8Rng) -> Case {
    match random.random_range(0..10) {
        0..8 => Case::Snake,
        8 => Case::Capital,
        _ => Case::Camel,
    }
}
