//! What of a row is compared: its question, its context and its answer, whatever kind it is.

use std::borrow::Cow;

use crate::{Completion, Message, Role, Row, Sample};

/// The question: a text-to-SQL row's own, else the first user turn, else the whole prompt.
pub(crate) fn question(row: &Row) -> Cow<'_, str> {
    let turns = match &row.sample {
        Sample::Sql(sample) => return Cow::Borrowed(&sample.question),
        Sample::Conversation(turns) => turns,
        Sample::Completion(completion) => &completion.prompt,
        Sample::Preference(preference) => &preference.prompt,
    };
    match turns.iter().find(|turn| turn.role == Role::User) {
        Some(turn) => Cow::Borrowed(&turn.content),
        None => Cow::Owned(joined(turns)),
    }
}

/// All that the one who asks says: the question, or every user turn.
pub(crate) fn questions(row: &Row) -> Vec<&str> {
    let turns = match &row.sample {
        Sample::Sql(sample) => return vec![&sample.question],
        Sample::Conversation(turns) => turns,
        Sample::Completion(completion) => &completion.prompt,
        Sample::Preference(preference) => &preference.prompt,
    };
    let asked = turns.iter().filter(|turn| turn.role == Role::User);
    asked.map(|turn| turn.content.as_str()).collect()
}

/// The CREATE TABLE text, where the row has one.
pub(crate) fn context(row: &Row) -> Option<&str> {
    match &row.sample {
        Sample::Sql(sample) => sample.context.as_deref(),
        Sample::Conversation(_) | Sample::Completion(_) | Sample::Preference(_) => None,
    }
}

/// The database, where the row names one.
pub(crate) fn database(row: &Row) -> Option<&str> {
    match &row.sample {
        Sample::Sql(sample) => sample.db_id.as_deref().filter(|id| !id.is_empty()),
        Sample::Conversation(_) | Sample::Completion(_) | Sample::Preference(_) => None,
    }
}

/// The SQL of a text-to-SQL row.
pub(crate) fn sql(row: &Row) -> Option<&str> {
    match &row.sample {
        Sample::Sql(sample) => Some(&sample.sql),
        Sample::Conversation(_) | Sample::Completion(_) | Sample::Preference(_) => None,
    }
}

/// What a row is asked and what it answers, each as texts of one order.
pub(crate) fn asked_and_answered(row: &Row) -> (Vec<Cow<'_, str>>, Vec<Cow<'_, str>>) {
    fn turns(turns: &[Message]) -> impl Iterator<Item = Cow<'_, str>> {
        turns.iter().flat_map(|turn| {
            [
                Cow::Borrowed(turn.role.as_str()),
                Cow::Borrowed(turn.content.as_str()),
            ]
        })
    }
    match &row.sample {
        Sample::Sql(sample) => {
            let fields = [
                Some(&sample.question),
                sample.context.as_ref(),
                sample.db_id.as_ref(),
            ];
            let asked = fields
                .into_iter()
                .map(|field| Cow::Borrowed(field.map_or("", String::as_str)));
            (asked.collect(), vec![Cow::Borrowed(&sample.sql)])
        }
        Sample::Conversation(all) => {
            // The answer of a conversation is its last turn, if that is the model's.
            let last = all.len()
                - usize::from(all.last().is_some_and(|turn| turn.role == Role::Assistant));
            let (asked, answered) = all.split_at(last);
            (turns(asked).collect(), turns(answered).collect())
        }
        Sample::Completion(Completion { prompt, completion }) => {
            (turns(prompt).collect(), turns(completion).collect())
        }
        Sample::Preference(preference) => {
            let mut answered: Vec<_> = turns(&preference.chosen).collect();
            // The border between the two answers counts.
            answered.push(Cow::Borrowed("\0"));
            answered.extend(turns(&preference.rejected));
            (turns(&preference.prompt).collect(), answered)
        }
    }
}

/// Everything but the question, for rows that may differ in that alone; `None` where nobody asks.
pub(crate) fn all_but_question(row: &Row) -> Option<Vec<Cow<'_, str>>> {
    let (mut asked, mut answered) = asked_and_answered(row);
    // Turns are a role and a text each; the question of a text-to-SQL row stands first.
    let question = match &row.sample {
        Sample::Sql(_) => 0,
        Sample::Conversation(_) | Sample::Completion(_) | Sample::Preference(_) => {
            let mut roles = asked.iter().step_by(2);
            2 * roles.position(|role| role == Role::User.as_str())? + 1
        }
    };
    asked.remove(question);
    asked.append(&mut answered);
    Some(asked)
}

fn joined(turns: &[Message]) -> String {
    let texts: Vec<&str> = turns.iter().map(|turn| turn.content.as_str()).collect();
    texts.join("\n")
}
