//! Which tables a question speaks of, by its words.

use std::collections::HashSet;

use anneal_sql::{Schema, Selection};

/// A hit in a table's name counts as much as this many in the names of its columns.
const TABLE_WEIGHT: usize = 3;

/// The tables that share a word with the question, those with most words first.
pub(super) fn spoken_of(schema: &Schema, question: &str) -> Vec<Selection> {
    let asked: HashSet<String> = words(question).into_iter().collect();
    let hits = |name: &str| {
        words(name)
            .iter()
            .filter(|word| asked.contains(*word))
            .count()
    };
    let mut scored: Vec<(usize, &str)> = schema
        .tables
        .iter()
        .map(|table| {
            let columns = table.columns.iter().map(|column| hits(&column.name));
            let score = TABLE_WEIGHT * hits(&table.name) + columns.sum::<usize>();
            (score, table.name.as_str())
        })
        .filter(|(score, _)| *score > 0)
        .collect();
    // Stable: equal ones stay in the schema's order.
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    let names = scored.into_iter().map(|(_, name)| Selection::table(name));
    names.collect()
}

/// The words of a text or a name in lower case, without the endings of a plural: `StadiumIds` is `stadium`, `id`.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for character in text.chars() {
        let hump = before.is_lowercase() && character.is_uppercase();
        if hump || !character.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && character.is_alphanumeric()
        {
            word.extend(character.to_lowercase());
        }
        before = character;
    }
    let whole = words.into_iter().filter(|word| word.chars().count() > 1);
    whole.map(singular).collect()
}

fn singular(word: String) -> String {
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 2) {
        return format!("{stem}y");
    }
    match word.strip_suffix('s') {
        Some("id") => "id".to_owned(),
        Some(stem) if stem.len() > 2 && !stem.ends_with('s') => stem.to_owned(),
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_as_people_write_them() {
        assert_eq!(words("StadiumIds"), ["stadium", "id"]);
        assert_eq!(words("singer_in_concerts"), ["singer", "in", "concert"]);
        assert_eq!(
            words("Which cities, and classes?"),
            ["which", "city", "and", "classe"]
        );
        assert_eq!(words("pass"), ["pass"]);
    }

    #[test]
    fn tables_with_more_of_the_question_s_words_come_first() {
        let schema = Schema::parse(
            "CREATE TABLE album (id INT, genre TEXT); CREATE TABLE singer (id INT, age INT, country TEXT);
             CREATE TABLE visit (country TEXT, age INT); CREATE TABLE stadium (id INT)",
        )
        .unwrap();
        let found = spoken_of(&schema, "What is the age of the singers of each country?");
        assert_eq!(
            found,
            [Selection::table("singer"), Selection::table("visit")]
        );
        assert!(spoken_of(&schema, "Why?").is_empty());
    }
}
