//! The quickstart's data: a beekeepers' association, in many databases.

use std::path::Path;

use anneal_data::Question;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::QuickstartSettings;
use crate::pretrain::{Asked, Case, Domain, Drawer, Naming, Shape, ask, parse_domains};
use crate::{ExampleError, write_whole};

/// The field, in the language of [`parse_domains`].
const DOMAIN: &str = include_str!("domain.txt");

/// Databases to learn from and others to be asked about.
#[derive(Debug, Clone)]
pub struct Data {
    /// To learn from.
    pub train: Vec<Asked>,
    /// To measure on; no schema is one of the training's.
    pub test: Vec<Asked>,
}

/// The quickstart's domain.
///
/// # Errors
/// [`ExampleError::NoDomains`], which a test rules out.
pub fn domain() -> Result<Domain, ExampleError> {
    let domains = parse_domains(DOMAIN)?;
    domains.into_iter().next().ok_or(ExampleError::NoDomains)
}

impl Data {
    /// Makes the databases and the questions, and writes `databases/`, `train.jsonl`
    /// and `test.jsonl` into a folder. The same seed makes the same.
    ///
    /// # Errors
    /// What composing refuses, a disk or an SQLite that refuses.
    pub fn make(settings: &QuickstartSettings, folder: &Path) -> Result<Self, ExampleError> {
        let databases = folder.join("databases");
        let domains = [domain()?];
        let shape = Shape {
            tables: 3,
            columns: 4,
            rows: 24,
            alternatives: true,
        };
        let drawer = Drawer {
            all: &domains,
            shape,
        };
        let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
        let mut contexts = Vec::new();
        let mut data = Self {
            train: Vec::new(),
            test: Vec::new(),
        };
        let wanted = settings.test_databases + settings.train_databases;
        while contexts.len() < wanted {
            let name = format!("bees_{:02}", contexts.len() + 1);
            let names = (Naming::Own, Case::Snake);
            let made = drawer.draw(&domains[0], names, name, &mut random);
            let context = made.context();
            // A schema that was drawn before would be on both sides.
            if contexts.contains(&context) {
                continue;
            }
            let (part, count) = match contexts.len() < settings.test_databases {
                true => (&mut data.test, settings.test_questions),
                false => (&mut data.train, settings.train_questions),
            };
            made.write(&databases)?;
            let questions = ask(&made, &databases, count, random.random())?;
            part.push(Asked { made, questions });
            contexts.push(context);
        }
        data.write(folder)?;
        Ok(data)
    }

    /// The questions of one side.
    pub fn questions(part: &[Asked]) -> Vec<Question> {
        let questions = part.iter().flat_map(|asked| &asked.questions);
        questions.cloned().collect()
    }

    fn write(&self, folder: &Path) -> Result<(), ExampleError> {
        for (name, part) in [("train.jsonl", &self.train), ("test.jsonl", &self.test)] {
            let path = folder.join(name);
            let mut text = String::new();
            for question in part.iter().flat_map(|asked| &asked.questions) {
                let line = serde_json::to_string(question).map_err(ExampleError::json(&path))?;
                text.push_str(&line);
                text.push('\n');
            }
            write_whole(&path, text)?;
        }
        Ok(())
    }
}
