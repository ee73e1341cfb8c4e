//! A prompt that leaves room for its answer.

use std::cell::RefCell;

use anneal_data::Question;
use anneal_sql::{Databases, Fitted, LeftOut, Schema};

use super::Prompter;
use super::linking::spoken_of;
use crate::{Conversation, ExampleError};

/// A question as it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The prompt's ids.
    pub ids: Vec<u32>,
    /// The schema text in it.
    pub context: String,
    /// What was left out of the schema so that the prompt fits, in order; mostly nothing.
    pub left_out: Vec<LeftOut>,
}

impl Asked {
    /// The names of the tables that were left out.
    pub fn tables_left_out(&self) -> Vec<String> {
        let tables = self.left_out.iter().filter_map(|left_out| match left_out {
            LeftOut::Table { table } => Some(table.clone()),
            _ => None,
        });
        tables.collect()
    }
}

impl Conversation {
    /// A question's prompt in at most `limit` tokens; `None` where even the smallest schema is too long.
    ///
    /// Where the whole schema is too long it is cut as [`Schema::fit`] does: values and comments go first, then
    /// tables that the question does not speak of, those farthest over foreign keys first.
    ///
    /// # Errors
    /// As [`Prompter::context`] and [`Conversation::prompt_ids`].
    pub fn ask(
        &self,
        prompter: &mut Prompter,
        question: &Question,
        mut databases: Option<&mut Databases>,
        limit: usize,
    ) -> Result<Option<Asked>, ExampleError> {
        let context = prompter.context(question, databases.as_deref_mut())?;
        let whole = self.asked(prompter, question, context, Vec::new())?;
        if whole.ids.len() <= limit {
            return Ok(Some(whole));
        }
        let Ok(schema) = prompter.schema(question, databases) else {
            // A text that nobody can read as a schema can't be cut either.
            return Ok(None);
        };
        self.ask_within(prompter, question, &schema, limit)
    }

    /// The same about a schema at hand.
    ///
    /// # Errors
    /// As [`Conversation::prompt_ids`].
    pub fn ask_within(
        &self,
        prompter: &Prompter,
        question: &Question,
        schema: &Schema,
        limit: usize,
    ) -> Result<Option<Asked>, ExampleError> {
        let failed = RefCell::new(None);
        let count = |text: &str| {
            let ids = prompter.messages(question, text);
            match ids.and_then(|messages| self.prompt_ids(&messages)) {
                Ok(ids) => ids.len(),
                Err(error) => {
                    failed.borrow_mut().get_or_insert(error);
                    usize::MAX
                }
            }
        };
        let fitted = fit(schema, prompter, &question.question, limit, count);
        match (failed.into_inner(), fitted) {
            (Some(error), _) => Err(error),
            (None, None) => Ok(None),
            (None, Some(fitted)) => self
                .asked(prompter, question, fitted.text, fitted.left_out)
                .map(Some),
        }
    }

    fn asked(
        &self,
        prompter: &Prompter,
        question: &Question,
        context: String,
        left_out: Vec<LeftOut>,
    ) -> Result<Asked, ExampleError> {
        let ids = self.prompt_ids(&prompter.messages(question, &context)?)?;
        Ok(Asked {
            ids,
            context,
            left_out,
        })
    }
}

/// As many of the tables that the question speaks of as fit with all their columns, and then what else fits.
fn fit(
    schema: &Schema,
    prompter: &Prompter,
    question: &str,
    limit: usize,
    count: impl Fn(&str) -> usize,
) -> Option<Fitted> {
    let style = prompter.settings().schema.style();
    let mut needed = spoken_of(schema, question);
    loop {
        let fitted = schema.fit(&style, limit, &needed, &count).ok();
        let cut = fitted.as_ref().is_none_or(|fitted| {
            let mut left_out = fitted.left_out.iter();
            left_out.any(|step| matches!(step, LeftOut::Column { .. }))
        });
        if !cut || needed.len() <= 1 {
            return fitted;
        }
        needed.truncate(needed.len() / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompting::PromptSettings;

    const SCHEMA: &str = "CREATE TABLE alpha (id INT, note TEXT); CREATE TABLE singer (id INT, age INT);
        CREATE TABLE beta (id INT, other TEXT); CREATE TABLE concert (id INT, singer INT REFERENCES singer(id))";

    fn fitted(question: &str, limit: usize) -> Option<(Vec<String>, Vec<LeftOut>)> {
        let prompter = Prompter::new(PromptSettings::default()).unwrap();
        let schema = Schema::parse(SCHEMA).unwrap();
        let words = |text: &str| text.split_whitespace().count();
        let fitted = fit(&schema, &prompter, question, limit, words)?;
        let tables = fitted.schema.tables.into_iter().map(|table| table.name);
        Some((tables.collect(), fitted.left_out))
    }

    #[test]
    fn tables_that_the_question_speaks_of_stay_and_their_neighbours_go_last() {
        let question = "How old are the singers, by age?";
        // Each table takes seven words.
        let (tables, left_out) = fitted(question, 28).unwrap();
        assert_eq!((tables.len(), left_out.len()), (4, 0));
        assert_eq!(
            fitted(question, 27).unwrap().0,
            ["alpha", "singer", "concert"]
        );
        assert_eq!(fitted(question, 14).unwrap().0, ["singer", "concert"]);
        assert_eq!(fitted(question, 7).unwrap().0, ["singer"]);
        // Fewer tables with all their columns are better than more with some.
        let both = "Which singer's age is in which concert?";
        let (tables, left_out) = fitted(both, 7).unwrap();
        assert_eq!(tables, ["singer"]);
        assert!(
            left_out
                .iter()
                .all(|step| matches!(step, LeftOut::Table { .. })),
            "{left_out:?}"
        );
        // A table that is needed is whole or not at all.
        assert_eq!(fitted(both, 5), None);
    }
}
