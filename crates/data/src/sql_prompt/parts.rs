//! The parts of a prompt as a file holds them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The templates of a text-to-SQL prompt, each Jinja over a row's fields.
///
/// Fields: `question`, `context`, and where the row has them `db_id` and `difficulty`; in the answer also
/// `sql`; and the constants. Printing a field that a row lacks is an error of that row, asking whether it is
/// there (`{% if db_id %}`) is not. A new line at the end of a part is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PromptParts {
    /// The system turn; no text, no turn.
    pub system: String,
    /// The user's turn. As it stands, the schema and then the question as a comment in the schema's language.
    pub user: String,
    /// The assistant's turn.
    pub answer: String,
    /// Texts of one's own by name, the same for every row: `dialect`, for instance.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub constants: BTreeMap<String, String>,
}

impl Default for PromptParts {
    fn default() -> Self {
        Self {
            system: "Translate the question to a SQLite query over the given schema.".into(),
            user: "{{ context }}\n-- {{ question }}".into(),
            answer: "{{ sql }}".into(),
            constants: BTreeMap::new(),
        }
    }
}
