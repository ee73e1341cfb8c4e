//! The top of the page: what was trained, and whether it helped.

use anneal_sql::{Comparison, Report};

use super::html::Html;
use super::numbers::{bytes, count, figure, interval, p_value, percent, points, whole};
use super::page::{Evaluation, RunPage};

impl Evaluation {
    /// Both reports compared; nothing where one is absent or they are on other questions.
    pub(super) fn compared(&self) -> Option<Comparison> {
        Comparison::of(self.before.as_ref()?, self.after.as_ref()?).ok()
    }

    /// The report that the questions are shown from: the one after, or the one before where there is no other.
    pub(super) fn latest(&self) -> Option<&Report> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

pub(super) fn write(html: &mut Html, run: &RunPage) {
    html.raw("<header>\n<h1>")
        .foreign(if run.title.is_empty() {
            "A run of fine-tuning"
        } else {
            &run.title
        })
        .raw("</h1>\n");
    for note in &run.notes {
        html.tag("<p class=\"soft\">", note, "</p>\n");
    }
    html.raw("</header>\n<section aria-label=\"Summary\"><div class=\"tiles\">\n");
    accuracy(html, &run.evaluation);
    losses(html, run);
    let tokens: u64 = run.steps.iter().map(|step| step.tokens).sum();
    let seconds: f64 = run
        .steps
        .iter()
        .map(|step| step.seconds)
        .filter(|s| s.is_finite())
        .sum();
    if let Some(last) = run.steps.last() {
        let note = format!(
            "{} tokens in {}",
            whole(tokens),
            super::numbers::seconds(seconds)
        );
        tile(html, "Steps", &whole(last.step), &note);
    }
    if seconds > 0.0 {
        tile(
            html,
            "Tokens per second",
            &figure((tokens as f64 / seconds).round()),
            "of training, padding left out",
        );
    }
    if let Some(peak) = run.peak_memory_bytes {
        tile(html, "Peak memory", &bytes(peak), "of the process");
    }
    html.raw("</div></section>\n");
}

fn accuracy(html: &mut Html, evaluation: &Evaluation) {
    let Some(compared) = evaluation.compared() else {
        for (name, report) in [("before", &evaluation.before), ("after", &evaluation.after)] {
            let Some(report) = report else { continue };
            let rate = &report.totals().matches;
            let note = format!(
                "{} of {}, 95 % interval {}",
                count(rate.count),
                count(rate.of),
                interval(rate.interval)
            );
            tile(
                html,
                &format!("Execution accuracy {name}"),
                &percent(rate.rate),
                &note,
            );
        }
        return;
    };
    let all = &compared.all;
    let value = format!("{} → {}", percent(all.first.rate), percent(all.second.rate));
    let note = format!(
        "95 % intervals {} and {}, of {}",
        interval(all.first.interval),
        interval(all.second.interval),
        count(all.pairs())
    );
    tile(html, "Execution accuracy, before → after", &value, &note);
    let ends = all.interval.map_or("–".into(), |[low, high]| {
        format!("{} to {}", points(Some(low)), points(Some(high)))
    });
    tile(
        html,
        "Difference, in points",
        &points(all.difference),
        &format!("95 % interval {ends}"),
    );
    let note = format!(
        "{} gained, {} lost; mid-p {}",
        count(all.only_second),
        count(all.only_first),
        p_value(all.p_mid)
    );
    tile(html, "McNemar’s exact p", &p_value(all.p_exact), &note);
}

fn losses(html: &mut Html, run: &RunPage) {
    let mean = |rows: &[super::StepRow]| {
        let finite = rows.iter().filter(|row| row.loss.is_finite());
        let (sum, tokens) = finite.fold((0.0, 0.0), |(sum, tokens), row| {
            let weight = row.trained_tokens.max(1) as f64;
            (sum + row.loss * weight, tokens + weight)
        });
        if tokens > 0.0 {
            figure(sum / tokens)
        } else {
            "–".into()
        }
    };
    let steps = &run.steps;
    if !steps.is_empty() {
        let ten = steps.len().min(10);
        let value = format!(
            "{} → {}",
            mean(&steps[..ten]),
            mean(&steps[steps.len() - ten..])
        );
        tile(
            html,
            "Training loss",
            &value,
            &format!("first and last {}", super::numbers::plural(ten, "step")),
        );
    }
    let mut validated = run
        .validations
        .iter()
        .filter_map(|row| row.loss.map(|loss| (row.step, loss)));
    if let Some((first, at_first)) = validated.next() {
        let last = validated.next_back();
        let value = last.map_or(figure(at_first), |(_, loss)| {
            format!("{} → {}", figure(at_first), figure(loss))
        });
        let note = last.map_or(format!("at step {first}"), |(last, _)| {
            format!("steps {first} and {last}")
        });
        tile(html, "Validation loss", &value, &note);
    }
}

fn tile(html: &mut Html, name: &str, value: &str, note: &str) {
    html.raw("<div class=\"tile\"><span>")
        .text(name)
        .raw("</span><b class=\"num\">")
        .text(value);
    html.raw("</b><span class=\"num\">")
        .text(note)
        .raw("</span></div>\n");
}
