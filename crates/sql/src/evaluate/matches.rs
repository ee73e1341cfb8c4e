//! What is known of two queries without running them.

use crate::suite::Names;
use crate::{Hardness, SpiderQuery, exact_match, normalised_match};

/// See the fields of [`Example`](crate::Example) of the same names.
pub(super) struct Matches {
    pub(super) exact: bool,
    pub(super) normalised: bool,
    pub(super) components: Option<bool>,
    pub(super) hardness: Option<Hardness>,
}

/// One gold, read once for all its predictions.
pub(super) struct Matcher {
    /// In Spider's grammar, if it is.
    spider: Option<SpiderQuery>,
}

impl Matcher {
    /// The matcher of one gold over a database with these names; where there is none, only texts are compared.
    pub(super) fn new(names: Option<&Names>, gold: &str) -> Self {
        let parsed = names.map(|names| SpiderQuery::parse(gold, &names.spider));
        Self {
            spider: parsed.and_then(Result::ok),
        }
    }

    /// Compares the texts.
    pub(super) fn matches(&self, names: Option<&Names>, gold: &str, predicted: &str) -> Matches {
        let spider = self.spider.as_ref().zip(names);
        Matches {
            exact: exact_match(gold, predicted),
            normalised: normalised_match(gold, predicted, names.map(|names| &names.schema)),
            components: spider.map(|(gold, names)| gold.judge(predicted, &names.spider).exact),
            hardness: self.spider.as_ref().map(SpiderQuery::hardness),
        }
    }
}
