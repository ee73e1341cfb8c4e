//! Words that values are made of, and words that mean nothing.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// The lists that a column may name as its kind.
pub(super) const WORDS: &[(&str, &[&str])] = &[
    ("first", FIRST),
    ("city", CITY),
    ("country", COUNTRY),
    ("nationality", NATIONALITY),
    ("language", LANGUAGE),
    ("job", JOB),
    ("thing", THING),
    ("food", FOOD),
    ("drug", DRUG),
    ("color", COLOR),
    ("weekday", WEEKDAY),
    ("month", MONTH),
];

pub(super) const FIRST: &[&str] = &[
    "Anna", "Ben", "Carla", "David", "Emma", "Felix", "Grace", "Henry", "Irene", "Jack", "Kim",
    "Laura", "Marco", "Nina", "Oscar", "Paula", "Quinn", "Rosa", "Simon", "Tina", "Umar", "Vera",
    "Walter", "Yara", "Zoe", "Alan", "Bella", "Chen", "Diego", "Elena", "Frank", "Gita", "Hugo",
    "Ivan", "Julia", "Kofi", "Lena", "Mia", "Noah", "Olga", "Pavel", "Ravi", "Sofia", "Tom",
];
pub(super) const LAST: &[&str] = &[
    "Bell", "Carter", "Diaz", "Evans", "Fischer", "Garcia", "Hall", "Ito", "Jones", "Kumar",
    "Lopez", "Meyer", "Novak", "Owens", "Park", "Quist", "Reed", "Silva", "Turner", "Usman",
    "Vogel", "Weber", "Young", "Zhang", "Adams", "Brook", "Costa", "Dunn", "Ek", "Ford", "Green",
    "Hill", "Irving", "King", "Lane", "Moss", "Nash", "Olsen", "Price", "Ross", "Stone", "West",
];
const CITY: &[&str] = &[
    "Paris", "London", "Berlin", "Madrid", "Rome", "Vienna", "Oslo", "Lisbon", "Dublin", "Prague",
    "Tokyo", "Seoul", "Boston", "Denver", "Austin", "Chicago", "Lima", "Quito", "Cairo", "Nairobi",
    "Delhi", "Sydney", "Perth", "Toronto", "Geneva", "Milan", "Porto", "Bergen", "Krakow", "Riga",
];
const COUNTRY: &[&str] = &[
    "France", "Spain", "Italy", "Germany", "Poland", "Norway", "Sweden", "Japan", "Korea", "China",
    "India", "Brazil", "Chile", "Peru", "Canada", "Mexico", "Egypt", "Kenya", "Ghana", "Turkey",
    "Greece", "Portugal", "Ireland", "Austria", "Finland", "Denmark", "Cuba", "Nepal", "Iran",
];
const NATIONALITY: &[&str] = &[
    "French",
    "Spanish",
    "Italian",
    "German",
    "Polish",
    "Norwegian",
    "Swedish",
    "Japanese",
    "Korean",
    "Indian",
    "Brazilian",
    "Canadian",
    "Mexican",
    "Egyptian",
    "Greek",
    "Irish",
];
const LANGUAGE: &[&str] = &[
    "English", "French", "Spanish", "German", "Italian", "Polish", "Arabic", "Hindi", "Korean",
    "Turkish", "Greek", "Swahili", "Dutch", "Finnish",
];
const JOB: &[&str] = &[
    "nurse", "baker", "lawyer", "driver", "farmer", "clerk", "painter", "cook", "engineer",
    "plumber", "dentist", "writer", "tailor", "pilot",
];
const THING: &[&str] = &[
    "lamp", "chair", "table", "bottle", "hammer", "kettle", "mirror", "pillow", "basket", "ladder",
    "helmet", "bucket", "blanket", "candle", "drill", "wagon", "notebook", "umbrella",
];
const FOOD: &[&str] = &[
    "soup", "salad", "pasta", "pizza", "curry", "stew", "omelette", "risotto", "burger", "pancake",
    "noodles", "tart", "pudding", "sorbet", "goulash", "paella",
];
const DRUG: &[&str] = &[
    "aspirin",
    "ibuprofen",
    "insulin",
    "penicillin",
    "codeine",
    "zinc",
    "iodine",
    "cortisone",
    "statin",
    "melatonin",
    "quinine",
    "digoxin",
];
const COLOR: &[&str] = &[
    "red", "green", "blue", "yellow", "black", "white", "brown", "purple", "orange", "grey", "pink",
];
const WEEKDAY: &[&str] = &[
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTH: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const ADJECTIVE: &[&str] = &[
    "Silver", "Golden", "Silent", "Broken", "Hidden", "Lost", "Bright", "Dark", "Old", "New",
    "Royal", "Central", "Northern", "Southern", "Wild", "Blue", "Red", "Quiet", "Last", "First",
    "Little", "Great", "Secret", "Frozen", "Burning", "Green", "White", "Grand",
];
pub(super) const NOUN: &[&str] = &[
    "River", "Star", "Dream", "Road", "Night", "Storm", "Crown", "Shadow", "Summer", "Winter",
    "Island", "Wolf", "Eagle", "Rose", "Fire", "Moon", "Bridge", "Letter", "Song", "Valley",
    "Mirror", "Train", "Ocean", "Dragon", "Flower", "Wind", "Stone", "Light",
];
pub(super) const BUILDING: &[&str] = &[
    "Hall", "House", "Park", "Palace", "Tower", "Arena", "Centre", "Court", "Square", "Gate",
    "Field", "Lodge", "Point", "Corner", "Yard",
];
pub(super) const WAY: &[&str] = &["Street", "Avenue", "Lane", "Road", "Way", "Square"];
pub(super) const TRADE: &[&str] = &[
    "Group", "Works", "Brothers", "Media", "Labs", "Motors", "Partners", "Foods", "Systems",
    "Lines",
];

const ONSET: &[&str] = &[
    "b", "br", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "kl", "l", "m", "n", "p", "pr", "r",
    "s", "st", "t", "tr", "v", "w", "z", "sh", "ch", "th", "pl", "sk",
];
const VOWEL: &[&str] = &["a", "e", "i", "o", "u", "ea", "oo", "ai"];
const CODA: &[&str] = &[
    "", "", "n", "r", "l", "m", "t", "s", "nd", "rk", "x", "p", "g",
];

/// A word of one to three syllables that no language has: what stands for
/// it in SQL can't be known, only copied.
pub(super) fn invented(random: &mut ChaCha8Rng) -> String {
    let syllables = random.random_range(1..=3);
    let mut word = String::new();
    for _ in 0..syllables {
        for list in [ONSET, VOWEL, CODA] {
            word.push_str(list.choose(random).copied().unwrap_or_default());
        }
    }
    if word.len() < 3 {
        word.push('e');
    }
    word
}
