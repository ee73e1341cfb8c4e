//! Which curves a run has.

use std::collections::BTreeMap;

use anneal_sql::wilson;

use super::axis::Axis;
use super::curve::{Curve, Figure, Level, Look};
use super::html::Html;
use super::page::{RunPage, StepRow};
use super::thin::{Point, running_mean, span};

/// Norms that span more than this, from the median to the largest, are drawn logarithmically.
const SPREAD: f64 = 20.0;

pub(super) fn write(html: &mut Html, run: &RunPage) {
    let steps = run.steps.iter().map(|step| step.step);
    let steps = steps.chain(run.validations.iter().map(|row| row.step));
    let x = Axis::steps(steps.map(|step| step as f64));
    if run.steps.is_empty() && run.validations.is_empty() {
        return;
    }
    html.raw("<section aria-labelledby=\"curves\"><h2 id=\"curves\">Curves over steps</h2>\n<div class=\"panels\">\n");
    for figure in [
        losses(run),
        accuracy(run),
        rates(run),
        norms(run),
        classes(run),
        speed(run),
    ] {
        figure.write(html, &x);
    }
    html.raw("</div></section>\n");
}

/// One point for each step.
fn each(run: &RunPage, value: impl Fn(&StepRow) -> f64) -> Vec<Point> {
    run.steps
        .iter()
        .map(|step| (step.step as f64, value(step)))
        .collect()
}

fn curve(name: impl Into<String>, colour: usize, look: Look, points: Vec<Point>) -> Curve {
    Curve {
        name: name.into(),
        colour,
        look,
        points,
        intervals: Vec::new(),
    }
}

fn values(curves: &[Curve]) -> impl Iterator<Item = f64> {
    curves
        .iter()
        .flat_map(|curve| curve.points.iter().map(|point| point.1))
}

/// Single steps in pale, and the running mean of `numerator / denominator`.
fn with_mean(run: &RunPage, raw: Vec<Point>, parts: impl Fn(&StepRow) -> [f64; 2]) -> Vec<Curve> {
    let span = span(run.steps.len());
    let rows: Vec<_> = run
        .steps
        .iter()
        .map(|step| (step.step as f64, parts(step)))
        .collect();
    let mean = running_mean(&rows, span);
    vec![
        curve("each step", 0, Look::Raw, raw),
        curve(
            format!("mean of the last {span} steps"),
            0,
            Look::Strong,
            mean,
        ),
    ]
}

fn losses(run: &RunPage) -> Figure {
    let tokens = |step: &StepRow| step.trained_tokens.max(1) as f64;
    let mut curves = with_mean(run, each(run, |step| step.loss), |step| {
        [step.loss * tokens(step), tokens(step)]
    });
    let validations = run.validations.iter();
    let points: Vec<Point> = validations
        .filter_map(|row| Some((row.step as f64, row.loss?)))
        .collect();
    if !points.is_empty() {
        curves.push(curve("validation", 1, Look::Dots, points));
    }
    Figure {
        title: "Loss per trained token",
        note: String::new(),
        y: Axis::from_zero(values(&curves)),
        curves,
        level: None,
        mark: run.best.as_ref().map(|best| {
            (
                best.step as f64,
                format!("best by {}, step {}", best.by, best.step),
            )
        }),
    }
}

fn accuracy(run: &RunPage) -> Figure {
    let rows = || {
        run.validations
            .iter()
            .filter_map(|row| Some((row, row.accuracy?)))
    };
    let interval = |(row, accuracy): (&super::ValidationRow, f64)| {
        let of = row.questions?;
        let ends = wilson((accuracy * of as f64).round() as usize, of)?;
        Some(ends.map(|end| 100.0 * end))
    };
    let intervals: Vec<_> = rows().map(interval).collect();
    let points = rows()
        .map(|(row, accuracy)| (row.step as f64, 100.0 * accuracy))
        .collect();
    let ends = intervals.iter().flatten().map(|ends: &[f64; 2]| ends[1]);
    let shown = curve(
        "held-out questions, with the 95 % interval",
        2,
        Look::Dots,
        points,
    );
    Figure {
        title: "Execution accuracy while training, %",
        note: String::new(),
        y: Axis::from_zero(
            ends.collect::<Vec<_>>()
                .into_iter()
                .chain(values(std::slice::from_ref(&shown)))
                .collect::<Vec<_>>()
                .into_iter(),
        ),
        curves: vec![Curve { intervals, ..shown }],
        level: None,
        mark: None,
    }
}

fn rates(run: &RunPage) -> Figure {
    let curves = vec![curve(
        "each step",
        3,
        Look::Strong,
        each(run, |step| step.lr),
    )];
    Figure {
        title: "Learning rate",
        note: String::new(),
        y: Axis::from_zero(values(&curves)),
        curves,
        level: None,
        mark: None,
    }
}

fn norms(run: &RunPage) -> Figure {
    let points = each(run, |step| step.grad_norm);
    let mut sorted: Vec<f64> = points
        .iter()
        .map(|point| point.1)
        .filter(|norm| norm.is_finite())
        .collect();
    sorted.sort_by(f64::total_cmp);
    let level = run.max_grad_norm.map(|value| Level {
        name: format!("clipped to {}", super::numbers::figure(value)),
        value,
    });
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let wide = median > 0.0
        && sorted
            .last()
            .is_some_and(|&largest| largest > SPREAD * median);
    let all = sorted
        .iter()
        .copied()
        .chain(run.max_grad_norm)
        .collect::<Vec<_>>()
        .into_iter();
    let clipped = run
        .max_grad_norm
        .map(|limit| sorted.iter().filter(|&&norm| norm > limit).count());
    Figure {
        title: "Norm of the gradient, before clipping",
        note: clipped.map_or(String::new(), |clipped| {
            format!("{clipped} of {} steps clipped.", sorted.len())
        }),
        y: if wide {
            Axis::logarithmic(all)
        } else {
            Axis::from_zero(all)
        },
        curves: vec![curve("each step", 4, Look::Strong, points)],
        level,
        mark: None,
    }
}

/// Running means only: of four or five classes the single steps would cover each other.
fn classes(run: &RunPage) -> Figure {
    let mut names: Vec<&str> = Vec::new();
    let mut rows: BTreeMap<&str, Vec<(f64, [f64; 2])>> = BTreeMap::new();
    for step in &run.steps {
        for class in step.classes.iter().filter(|class| class.tokens > 0) {
            let tokens = class.tokens as f64;
            let row = (step.step as f64, [class.loss * tokens, tokens]);
            rows.entry(&class.name)
                .or_insert_with(|| {
                    names.push(&class.name);
                    Vec::new()
                })
                .push(row);
        }
    }
    let span = span(run.steps.len());
    let curves: Vec<Curve> = names
        .iter()
        .enumerate()
        .map(|(colour, &name)| curve(name, colour, Look::Strong, running_mean(&rows[name], span)))
        .collect();
    Figure {
        title: "Loss per token by class",
        note: format!("Means of the last {span} steps."),
        y: Axis::from_zero(values(&curves)),
        curves,
        level: None,
        mark: None,
    }
}

fn speed(run: &RunPage) -> Figure {
    let parts = |step: &StepRow| [step.tokens as f64, step.seconds];
    let each = run.steps.iter().filter(|step| step.seconds > 0.0);
    let raw = each
        .map(|step| (step.step as f64, step.tokens as f64 / step.seconds))
        .collect();
    let curves = with_mean(run, raw, parts);
    Figure {
        title: "Tokens per second",
        note: "Padding left out.".into(),
        y: Axis::from_zero(values(&curves)),
        curves,
        level: None,
        mark: None,
    }
}
