//! The fields that formats know: their names here, the other names that files use, and their types.

use serde_json::Value;

/// What a field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text.
    Text,
    /// A list of turns.
    Turns,
    /// A text, or a list of turns.
    TextOrTurns,
    /// Anything else, which its reader looks at itself.
    Other,
}

impl Kind {
    /// Whether `value` is of this kind.
    pub(super) fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Turns => value.is_array(),
            Self::TextOrTurns => value.is_string() || value.is_array(),
            Self::Other => !value.is_null(),
        }
    }
}

/// A field of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    /// Its name here, which a column mapping uses.
    pub(super) name: &'static str,
    /// Another name under which files have it, looked for where no mapping says otherwise.
    pub(super) alias: Option<&'static str>,
    /// Both names, in the words of the error messages.
    pub(super) expected: &'static str,
    /// What it may hold.
    pub(super) kind: Kind,
}

const fn field(name: &'static str, expected: &'static str, kind: Kind) -> Field {
    Field {
        name,
        alias: None,
        expected,
        kind,
    }
}

impl Field {
    const fn or(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    /// The name and the alias.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.alias)
    }
}

pub(super) const QUESTION: Field = field("question", "`question`", Kind::Text);
pub(super) const CONTEXT: Field = field("context", "`context`", Kind::Text);
pub(super) const ANSWER: Field = field("answer", "`answer`", Kind::Text);
pub(super) const DB_ID: Field = field("db_id", "`db_id`", Kind::Text);
/// Spider's original files hold the text in `query` and a parse tree in `sql`.
pub(super) const SQL: Field = field("sql", "`sql` (or `query`)", Kind::Text).or("query");
pub(super) const DIFFICULTY: Field =
    field("difficulty", "`difficulty` (or `hardness`)", Kind::Text).or("hardness");
pub(super) const EXEC_OK: Field = field("exec_ok", "`exec_ok`", Kind::Other);
pub(super) const MISSING_DATA: Field = field("missing_data", "`missing_data`", Kind::Other);
pub(super) const INSTRUCTION: Field = field("instruction", "`instruction`", Kind::Text);
pub(super) const INPUT: Field = field("input", "`input`", Kind::Text);
pub(super) const OUTPUT: Field = field("output", "`output`", Kind::Text);
pub(super) const SYSTEM: Field = field("system", "`system`", Kind::Text);
pub(super) const HISTORY: Field = field("history", "`history`", Kind::Other);
pub(super) const CONVERSATIONS: Field = field("conversations", "`conversations`", Kind::Turns);
pub(super) const MESSAGES: Field = field("messages", "`messages`", Kind::Turns);
pub(super) const PROMPT: Field = field("prompt", "`prompt`", Kind::TextOrTurns);
pub(super) const COMPLETION: Field = field(
    "completion",
    "`completion` (or `response`)",
    Kind::TextOrTurns,
)
.or("response");
pub(super) const CHOSEN: Field = field("chosen", "`chosen`", Kind::TextOrTurns);
pub(super) const REJECTED: Field = field("rejected", "`rejected`", Kind::TextOrTurns);
/// Definitions of tools that a template would render; no format takes them, every conversation looks.
pub(super) const TOOLS: Field = field("tools", "`tools`", Kind::Other);
