//! What a quickstart tells people.

use std::fmt::Write as _;
use std::path::Path;

use anneal_sql::{Example, Report, Scores};

use super::report::{Answer, QuickstartReport, SideBySide};

/// How many questions are shown side by side.
const SHOWN: usize = 8;

/// Questions that show what changed: half of them are now right and were wrong,
/// the others are of each other sort as far as there are any.
pub(super) fn side_by_side(before: &Report, after: &Report) -> Vec<SideBySide> {
    let pairs: Vec<(&Example, &Example)> = before.examples().iter().zip(after.examples()).collect();
    let sort = |was: bool, is: bool| {
        let all = pairs
            .iter()
            .filter(move |(b, a)| (b.is_match, a.is_match) == (was, is));
        all.copied().collect::<Vec<_>>()
    };
    let [gained, kept, neither, lost] =
        [(false, true), (true, true), (false, false), (true, false)]
            .map(|(was, is)| spread(sort(was, is)));
    let mut chosen = Vec::new();
    let shares = [(&gained, SHOWN / 2), (&kept, 1), (&neither, 2), (&lost, 1)];
    for (list, share) in shares {
        chosen.extend(list.iter().take(share));
    }
    // Where a sort has too few, the others have more.
    for (list, share) in shares {
        let missing = SHOWN.saturating_sub(chosen.len());
        chosen.extend(list.iter().skip(share).take(missing));
    }
    let answer = |example: &Example| Answer {
        sql: example.predicted.clone().unwrap_or_default(),
        right: example.is_match,
        why: example.error.clone(),
    };
    let show = |(before, after): &(&Example, &Example)| SideBySide {
        db_id: before.db_id.clone(),
        question: before.question.clone(),
        gold: before.gold.clone(),
        before: answer(before),
        after: answer(after),
    };
    chosen.iter().map(show).collect()
}

/// The list in steps, so that neighbours are of different databases.
fn spread<T: Copy>(list: Vec<T>) -> Vec<T> {
    let step = (list.len() / SHOWN).max(1);
    let starts = 0..step;
    let steps = starts.flat_map(|start| list.iter().skip(start).step_by(step));
    steps.copied().collect()
}

/// The questions side by side, the accuracies, and what to do next.
pub fn summary(report: &QuickstartReport, folder: &Path) -> String {
    let mut text = String::new();
    for (index, shown) in report.shown.iter().enumerate() {
        let verdict = |answer: &Answer| match (&answer.why, answer.right) {
            (_, true) => "right".to_owned(),
            (Some(why), false) => format!("wrong: {why}"),
            (None, false) => "wrong".to_owned(),
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{}. {} ({})", index + 1, shown.question, shown.db_id);
        let _ = writeln!(text, "   gold    {}", shown.gold);
        for (when, answer) in [("before", &shown.before), ("after", &shown.after)] {
            let _ = writeln!(
                text,
                "   {when:<7} {}\n           {}",
                answer.sql,
                verdict(answer)
            );
        }
    }
    let line = |when: &str, scores: &Scores| {
        format!("{when:<16} {}\n", crate::evaluation::summary(scores))
    };
    text.push('\n');
    text.push_str(&line("base model", &report.before));
    text.push_str(&line("fine-tuned", &report.after));
    if let (Some(difference), Some([low, high])) =
        (report.paired.difference, report.paired.interval)
    {
        let _ = writeln!(
            text,
            "{:<16} {:+.1} points (95 % interval {:+.1} to {:+.1}); {} questions won, {} lost",
            "difference",
            100.0 * difference,
            100.0 * low,
            100.0 * high,
            report.paired.only_second,
            report.paired.only_first,
        );
    }
    let _ = write!(text, "\n{}", next(report, folder));
    text
}

fn next(report: &QuickstartReport, folder: &Path) -> String {
    let (model, folder) = (report.settings.model.display(), folder.display());
    let database = report.shown.first().map_or("bees_01", |shown| &shown.db_id);
    let run = "cargo run --release --example";
    format!(
        "Written to {folder}: adapter/ (PEFT), databases/, train.jsonl, test.jsonl, report.json, report.html

What next
  Look at every question:
    open {folder}/report.html
  Ask the fine-tuned model about one of the databases:
    {run} ask -- --model {model} --adapter {folder}/adapter \\
      --database {folder}/databases/{database}/{database}.sqlite \"How many hives are there?\"
  Measure it again, or on questions of your own:
    {run} evaluate -- --model {model} --adapter {folder}/adapter \\
      --questions {folder}/test.jsonl --databases {folder}/databases
  Fine-tune a real model on your own questions and databases:
    {run} finetune -- --model HuggingFaceTB/SmolLM2-135M-Instruct \\
      --data questions.jsonl --databases databases --max-minutes 30 --output run
"
    )
}
