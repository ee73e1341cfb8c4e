//! Questions about a database that was made.

use std::path::Path;

use anneal_data::Question;
use anneal_sql::{ComposeOptions, Database, Lexicon, compose};
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::made::{Made, MadeColumn};
use crate::ExampleError;

/// Up to `count` questions with their SQL about a database whose file lies in `folder`
/// ([`Made::write`]); what things are called is drawn by the seed.
///
/// # Errors
/// What [`compose`] refuses, and a database that can't be opened.
pub fn ask(
    made: &Made,
    folder: &Path,
    count: usize,
    seed: u64,
) -> Result<Vec<Question>, ExampleError> {
    let database = Database::open(made.path(folder))?;
    let options = ComposeOptions {
        questions: count,
        seed,
        lexicon: lexicon(made, seed),
        ..ComposeOptions::default()
    };
    let composed = compose(&made.schema(), &database, &options)?;
    let context = made.context();
    let questions = composed.into_iter().map(|one| Question {
        db_id: made.name.clone(),
        question: one.question,
        sql: one.sql,
        context: Some(context.clone()),
        exec_ok: None,
        missing_data: None,
        n_rows: None,
    });
    Ok(questions.collect())
}

/// One word for each table and column, of those that it has.
fn lexicon(made: &Made, seed: u64) -> Lexicon {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut lexicon = Lexicon::new();
    for table in &made.tables {
        if let Some([one, many]) = table.nouns.choose(&mut random) {
            lexicon = lexicon.table(&table.name, one, many);
        }
        for column in table.columns.iter().filter(|column| !is_key(column)) {
            let Some(phrase) = column.phrases.choose(&mut random) else {
                continue;
            };
            lexicon = lexicon.column(&table.name, &column.name, phrase, &plural(phrase));
        }
    }
    lexicon
}

/// Keys are called by their names.
fn is_key(column: &MadeColumn) -> bool {
    column.reference.is_some() || column.phrases == ["id"]
}

/// `number of pages` to `numbers of pages`, `colour` to `colours`.
fn plural(phrase: &str) -> String {
    for link in [" of ", " for ", " in "] {
        if let Some((head, rest)) = phrase.split_once(link) {
            return format!("{}{link}{rest}", plural(head));
        }
    }
    let vowel = |letter: char| "aeiou".contains(letter);
    if let Some(stem) = phrase.strip_suffix('y')
        && !stem.ends_with(vowel)
    {
        return format!("{stem}ies");
    }
    match phrase.ends_with(['s', 'x']) || phrase.ends_with("sh") || phrase.ends_with("ch") {
        true => format!("{phrase}es"),
        false => format!("{phrase}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::plural;

    #[test]
    fn plurals_are_made_of_the_head() {
        for (one, many) in [
            ("number of pages", "numbers of pages"),
            ("day of extraction", "days of extraction"),
            ("room for hives", "rooms for hives"),
            ("salary", "salaries"),
            ("mite count", "mite counts"),
            ("branch", "branches"),
            ("main forage", "main forages"),
        ] {
            assert_eq!(plural(one), many);
        }
    }
}
