//! English out of identifiers: words, plurals, articles.
//!
//! By hand: the crates for inflection know no column names, and these are short lists.

/// Short words of schemas and what they stand for.
const SHORT: &[(&str, &str)] = &[
    ("addr", "address"),
    ("amt", "amount"),
    ("apt", "apartment"),
    ("avg", "average"),
    ("bday", "birthday"),
    ("cd", "code"),
    ("cnt", "count"),
    ("crs", "course"),
    ("desc", "description"),
    ("dept", "department"),
    ("dest", "destination"),
    ("dob", "date of birth"),
    ("emp", "employee"),
    ("fname", "first name"),
    ("firstname", "first name"),
    ("gf", "goals for"),
    ("hrs", "hours"),
    ("info", "information"),
    ("init", "initial"),
    ("lang", "language"),
    ("lastname", "last name"),
    ("lat", "latitude"),
    ("lname", "last name"),
    ("lng", "longitude"),
    ("max", "maximum"),
    ("mgr", "manager"),
    ("min", "minimum"),
    ("nbr", "number"),
    ("num", "number"),
    ("pct", "percentage"),
    ("prof", "professor"),
    ("qty", "quantity"),
    ("ref", "reference"),
    ("stu", "student"),
    ("tel", "telephone"),
    ("yr", "year"),
];

/// Plurals that no rule gives.
const IRREGULAR: [(&str, &str); 24] = [
    ("analysis", "analyses"),
    ("bus", "buses"),
    ("campus", "campuses"),
    ("child", "children"),
    ("cookie", "cookies"),
    ("criterion", "criteria"),
    ("data", "data"),
    ("equipment", "equipment"),
    ("faculty", "faculty"),
    ("fish", "fish"),
    ("foot", "feet"),
    ("information", "information"),
    ("leaf", "leaves"),
    ("man", "men"),
    ("medium", "media"),
    ("movie", "movies"),
    ("mouse", "mice"),
    ("person", "people"),
    ("series", "series"),
    ("shelf", "shelves"),
    ("species", "species"),
    ("staff", "staff"),
    ("status", "statuses"),
    ("woman", "women"),
];

/// Words after which a name only says more: `singer in concert`.
const AFTER: [&str; 10] = [
    "in", "of", "on", "for", "at", "by", "from", "with", "to", "per",
];

/// The words of an identifier in small letters, by underscores, blanks, marks and capitals.
///
/// Text in capitals only is one word between marks: `SCHOOL_ID`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in name
        .split(|c: char| !c.is_alphanumeric() && c != '%' && c != '#')
        .filter(|part| !part.is_empty())
    {
        let letters: Vec<char> = part.chars().collect();
        let mut word = String::new();
        for (at, &letter) in letters.iter().enumerate() {
            let before = at.checked_sub(1).map(|at| letters[at]);
            let after = letters.get(at + 1);
            let begins = letter.is_uppercase()
                && (before.is_some_and(char::is_lowercase)
                    || (before.is_some_and(char::is_uppercase)
                        && after.is_some_and(|c| c.is_lowercase())));
            if begins && !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            word.extend(letter.to_lowercase());
        }
        words.push(word);
    }
    for at in 1..words.len() {
        // `LName`.
        if words[at] == "name" && matches!(words[at - 1].as_str(), "l" | "f") {
            words[at - 1] = if words[at - 1] == "l" {
                "last"
            } else {
                "first"
            }
            .to_owned();
        }
    }
    let long = words.into_iter().map(|word| {
        let known = SHORT.iter().find(|(short, _)| *short == word);
        known.map_or(word, |(_, long)| (*long).to_owned())
    });
    let mut words: Vec<String> = long.collect();
    // `Num_Employees`.
    if let [first, .., last] = &words[..]
        && first == "number"
        && words[1] != "of"
        && singular_word(last).is_some()
    {
        words.insert(1, "of".to_owned());
    }
    words
}

/// A phrase in other words, where its own make no noun: `directed by`.
pub(super) fn noun_for(phrase: &str) -> &str {
    const NOUNS: [(&str, &str); 6] = [
        ("built by", "builder"),
        ("created by", "creator"),
        ("directed by", "director"),
        ("produced by", "producer"),
        ("published by", "publisher"),
        ("written by", "writer"),
    ];
    NOUNS
        .iter()
        .find(|(known, _)| *known == phrase)
        .map_or(phrase, |(_, noun)| *noun)
}

/// Where the word that takes the plural ends: before ` in `, ` of `, …
fn head_end(phrase: &str) -> usize {
    let mut at = 0;
    for (place, word) in phrase.split(' ').enumerate() {
        if place > 0 && AFTER.contains(&word) {
            return at - 1;
        }
        at += word.len() + 1;
    }
    phrase.len()
}

/// Changes the last word of a phrase's head.
fn at_head(phrase: &str, change: impl Fn(&str) -> String) -> String {
    let end = head_end(phrase);
    let start = phrase[..end].rfind(' ').map_or(0, |at| at + 1);
    format!(
        "{}{}{}",
        &phrase[..start],
        change(&phrase[start..end]),
        &phrase[end..]
    )
}

/// The plural of a phrase: `date of birth` gives `dates of birth`.
pub(super) fn plural(phrase: &str) -> String {
    at_head(phrase, |word| {
        let vowel = |c: Option<char>| c.is_some_and(|c| "aeiou".contains(c));
        if let Some((_, many)) = IRREGULAR.iter().find(|(one, _)| *one == word) {
            (*many).to_owned()
        } else if !word.ends_with(|c: char| c.is_ascii_alphabetic()) {
            word.to_owned()
        } else if word.ends_with('y') && !vowel(word.chars().rev().nth(1)) {
            format!("{}ies", &word[..word.len() - 1])
        } else if ["s", "x", "z", "ch", "sh"]
            .iter()
            .any(|end| word.ends_with(end))
        {
            // A name that is a plural already stays: `goals`.
            match singular_word(word) {
                Some(_) => word.to_owned(),
                None => format!("{word}es"),
            }
        } else {
            format!("{word}s")
        }
    })
}

/// The singular of a word, if it is a plural.
fn singular_word(word: &str) -> Option<String> {
    if let Some((one, _)) = IRREGULAR.iter().find(|(_, many)| *many == word) {
        return Some((*one).to_owned());
    }
    let kept = IRREGULAR.iter().any(|(one, _)| *one == word);
    let no_plural = ["ss", "us", "is", "as", "news", "gps", "sales", "os"]
        .iter()
        .any(|end| word.ends_with(end));
    if kept || no_plural || word.len() < 4 || !word.ends_with('s') {
        return None;
    }
    let cut = |count: usize| word[..word.len() - count].to_owned();
    Some(if word.ends_with("ies") && word.len() > 4 {
        format!("{}y", cut(3))
    } else if ["sses", "shes", "ches", "xes", "zzes"]
        .iter()
        .any(|end| word.ends_with(end))
    {
        cut(2)
    } else {
        cut(1)
    })
}

/// The singular of a phrase, which may be one already.
pub(super) fn singular(phrase: &str) -> String {
    at_head(phrase, |word| {
        singular_word(word).unwrap_or_else(|| word.to_owned())
    })
}

/// The phrase with `a` or `an`, by its letters.
pub(super) fn with_article(phrase: &str) -> String {
    let an = phrase.starts_with(|c: char| "aeioAEIO".contains(c))
        || ["un", "up", "ur"]
            .iter()
            .any(|start| phrase.starts_with(start))
            && !["uni", "uno", "ura"]
                .iter()
                .any(|start| phrase.starts_with(start))
        || phrase.starts_with("hour");
    let an = an
        && !["one", "euro", "eu "]
            .iter()
            .any(|start| phrase.starts_with(start));
    format!("{} {phrase}", if an { "an" } else { "a" })
}

/// The phrase as an owner: `singer's`, `boss'`.
pub(super) fn possessive(phrase: &str) -> String {
    match phrase.ends_with('s') {
        true => format!("{phrase}'"),
        false => format!("{phrase}'s"),
    }
}

/// Whether rows of this name are people, whom a sentence calls `who`.
pub(super) fn is_person(noun: &str) -> bool {
    const PEOPLE: &str = " captain chef child client coach dentist faculty friend guest man member nurse participant passenger patient \
people person pilot poet president staff student tenant woman candidate gymnast resident applicant guardian parent citizen ";
    const THINGS: &str = " beer brewer broadcaster career carrier center chapter character cluster color computer container corridor \
counter crater dinner distributor door elevator employer error factor filter flavor floor flower folder harbor header \
indicator layer letter list manufacturer master matter meter mirror monitor motor newspaper number offer order other paper \
parameter pier playlist poster power printer processor publisher quarter reactor register retailer river router sector semester sensor \
server sponsor sticker summer supplier theater tier tower tracker tractor trailer transfer vector vendor voucher water winter cover checklist ";
    let head = &noun[..head_end(noun)];
    let last = head.rsplit(' ').next().unwrap_or(head);
    let listed = |words: &str| words.contains(&format!(" {last} "));
    // `singer`, `doctor`, `artist`.
    let doer = ["er", "or", "ist"].iter().any(|end| last.ends_with(end));
    listed(PEOPLE) || (doer && !listed(THINGS))
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn enumerate(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., end] => format!("{} {last} {end}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_become_words() {
        for (name, expected) in [
            ("Song_release_year", "song release year"),
            ("FacID", "fac id"),
            ("HTTPServer", "http server"),
            ("stu_fname", "student first name"),
            ("SCHOOL_ID", "school id"),
            ("LName", "last name"),
            ("Num_Employees", "number of employees"),
            ("%_Change", "% change"),
            ("größe", "größe"),
            ("__", ""),
        ] {
            assert_eq!(words(name).join(" "), expected);
        }
    }

    #[test]
    fn plurals_and_singulars_agree() {
        for (one, many) in [
            ("singer", "singers"),
            ("city", "cities"),
            ("day", "days"),
            ("class", "classes"),
            ("box", "boxes"),
            ("person", "people"),
            ("date of birth", "dates of birth"),
            ("singer in concert", "singers in concert"),
            ("address", "addresses"),
            ("name", "names"),
            ("match", "matches"),
            ("course", "courses"),
            ("campus", "campuses"),
            ("movie", "movies"),
        ] {
            assert_eq!(plural(one), many);
            assert_eq!(singular(many), one);
            assert_eq!(singular(one), one);
            assert_eq!(plural(many), many);
        }
    }

    #[test]
    fn people_are_told_from_things() {
        for person in [
            "singer",
            "opera singer",
            "member of club",
            "artist",
            "student",
        ] {
            assert!(is_person(person), "{person}");
        }
        for thing in [
            "order",
            "customer order",
            "city",
            "department",
            "playlist",
            "club of singers",
        ] {
            assert!(!is_person(thing), "{thing}");
        }
    }

    #[test]
    fn articles_go_by_sound() {
        for (phrase, expected) in [
            ("age", "an age"),
            ("unit price", "a unit price"),
            ("hour", "an hour"),
            ("name", "a name"),
        ] {
            assert_eq!(with_article(phrase), expected);
        }
    }
}
