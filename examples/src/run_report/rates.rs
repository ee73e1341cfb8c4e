//! The blind test in numbers: by hardness, by class of failure, by metric.

use anneal_sql::{Comparison, Paired, Rate, Report, Scores};

use super::html::Html;
use super::numbers::{count, interval, p_value, percent, plural, points};
use super::page::RunPage;

pub(super) fn write(html: &mut Html, run: &RunPage) {
    let evaluation = &run.evaluation;
    let Some(now) = evaluation.latest() else {
        return;
    };
    let compared = evaluation.compared();
    let before = evaluation.before.as_ref().filter(|_| compared.is_some());
    html.raw("<section aria-labelledby=\"test\"><h2 id=\"test\">Blind test</h2>\n");
    if evaluation.before.is_some() && evaluation.after.is_some() && compared.is_none() {
        html.raw("<p class=\"soft\">The two measurements are not on the same questions, so that they cannot be compared; the one after training is shown.</p>\n");
    }
    html.raw("<div class=\"panels\">\n");
    if let Some(compared) = &compared {
        paired(html, compared);
    }
    if !now.by_hardness().is_empty() {
        hardness(html, now, before);
    }
    failures(html, now, before);
    metrics(html, now.totals(), before.map(Report::totals));
    html.raw("</div></section>\n");
}

/// A table of numbers: names of columns, then rows of a name and cells.
pub(super) fn table(html: &mut Html, head: &[&str], rows: &[(String, Vec<String>)]) {
    html.raw("<div class=\"wide\"><table class=\"numbers\"><thead><tr>");
    for name in head {
        html.raw("<th scope=\"col\">").text(name).raw("</th>");
    }
    html.raw("</tr></thead><tbody>\n");
    for (name, cells) in rows {
        html.tag("<tr><th scope=\"row\">", name, "</th>");
        for cell in cells {
            html.raw("<td class=\"num\">").text(cell).raw("</td>");
        }
        html.raw("</tr>\n");
    }
    html.raw("</tbody></table></div>\n");
}

fn paired(html: &mut Html, compared: &Comparison) {
    let row = |name: &str, paired: &Paired| {
        let ends = paired.interval.map_or("–".into(), |[low, high]| {
            format!("{} to {}", points(Some(low)), points(Some(high)))
        });
        let counts = [
            paired.both,
            paired.only_second,
            paired.only_first,
            paired.neither,
        ]
        .map(count);
        let mut cells = counts.to_vec();
        cells.extend([
            points(paired.difference),
            ends,
            p_value(paired.p_exact),
            p_value(paired.p_mid),
        ]);
        (name.to_owned(), cells)
    };
    let mut rows = vec![row("all", &compared.all)];
    rows.extend(
        compared
            .by_hardness
            .iter()
            .map(|(level, paired)| row(level.words(), paired)),
    );
    html.raw("<div class=\"panel full\"><h3>Before and after, by execution</h3><p class=\"soft\">Differences in points; Newcombe’s interval.");
    if compared.left_out > 0 {
        html.raw(" ")
            .text(&plural(compared.left_out, "question"))
            .raw(" left out: the gold does not run.");
    }
    html.raw("</p>\n");
    let head = [
        "",
        "both right",
        "gained",
        "lost",
        "both wrong",
        "difference",
        "95 % interval",
        "McNemar p",
        "mid-p",
    ];
    table(html, &head, &rows);
    html.raw("</div>\n");
}

/// One bar of a row: its rate and how it is drawn.
struct Bar<'a> {
    rate: Option<&'a Rate>,
    kind: &'static str,
}

fn hardness(html: &mut Html, now: &Report, before: Option<&Report>) {
    html.raw("<div class=\"panel\"><h3>Execution accuracy by hardness</h3>");
    legend(html, before.is_some());
    axis(html, 1.0);
    html.raw("<div class=\"chart two\">\n");
    for (level, scores) in now.by_hardness() {
        let old = before
            .and_then(|report| report.by_hardness().get(level))
            .map(|scores| &scores.matches);
        let bars = [
            Bar {
                rate: Some(&scores.matches),
                kind: "fill",
            },
            Bar {
                rate: old,
                kind: "fill before",
            },
        ];
        let value = format!(
            "{} of {}",
            percent(scores.matches.rate),
            count(scores.matches.of)
        );
        bar_row(
            html,
            level.words(),
            &bars[..1 + usize::from(before.is_some())],
            &value,
            1.0,
        );
    }
    html.raw("</div></div>\n");
}

fn failures(html: &mut Html, now: &Report, before: Option<&Report>) {
    let of = |report: &Report, failure| report.failures().get(&failure).copied();
    let mut classes: Vec<_> = now
        .failures()
        .keys()
        .chain(before.iter().flat_map(|report| report.failures().keys()))
        .copied()
        .collect();
    classes.sort_unstable();
    classes.dedup();
    let counts = |failure| {
        [Some(now), before].map(|report| {
            report
                .and_then(|report| of(report, failure))
                .map_or(0, |rate| rate.count)
        })
    };
    classes.sort_by_key(|&failure| std::cmp::Reverse(counts(failure)));
    if classes.is_empty() {
        return;
    }
    let both = || [Some(now), before].into_iter().flatten();
    let ends = both()
        .flat_map(|report| report.failures().values())
        .filter_map(|rate| Some(rate.interval?[1]));
    // An axis whose four parts are whole per cents.
    let most = ((25.0 * ends.fold(0.0, f64::max)).ceil() / 25.0).clamp(0.04, 1.0);
    html.raw("<div class=\"panel\"><h3>Failures by class</h3>");
    legend(html, before.is_some());
    axis(html, most);
    html.raw("<div class=\"chart two\">\n");
    for failure in classes {
        let (rate, old) = (
            of(now, failure),
            before.and_then(|report| of(report, failure)),
        );
        let bars = [
            Bar {
                rate: rate.as_ref(),
                kind: "fill fail",
            },
            Bar {
                rate: old.as_ref(),
                kind: "fill before",
            },
        ];
        let [new, earlier] = counts(failure);
        let value = match before {
            Some(_) => format!("{} → {}", count(earlier), count(new)),
            None => format!(
                "{} · {}",
                count(new),
                percent(rate.and_then(|rate| rate.rate))
            ),
        };
        bar_row(
            html,
            failure.words(),
            &bars[..1 + usize::from(before.is_some())],
            &value,
            most,
        );
    }
    html.raw("</div></div>\n");
}

fn legend(html: &mut Html, two: bool) {
    if two {
        html.raw("<p class=\"soft\"><span class=\"key\"></span>after<span class=\"key before\"></span>before, with 95 % intervals</p>\n");
    }
}

fn axis(html: &mut Html, most: f64) {
    html.raw("<div class=\"axis\" aria-hidden=\"true\"><span></span><span class=\"ticks\">");
    for part in 0..5 {
        html.raw("<span>")
            .shown(format_args!("{:.0} %", 25.0 * f64::from(part) * most))
            .raw("</span>");
    }
    html.raw("</span><span></span></div>\n");
}

fn bar_row(html: &mut Html, label: &str, bars: &[Bar<'_>], value: &str, most: f64) {
    html.raw("<div class=\"bar\"><span class=\"label\">")
        .text(label)
        .raw("</span><svg preserveAspectRatio=\"none\" role=\"img\" viewBox=");
    html.attribute(&format!("0 0 100 {}", 20 * bars.len()))
        .raw(" aria-label=");
    let spoken = |bar: &Bar<'_>| {
        bar.rate.map_or("none".into(), |rate| {
            format!("{}, {}", percent(rate.rate), interval(rate.interval))
        })
    };
    html.attribute(
        &bars
            .iter()
            .map(spoken)
            .collect::<Vec<_>>()
            .join("; before: "),
    )
    .raw(">");
    html.raw("<rect class=\"track\" x=\"0\" y=\"0\" width=\"100\" height=\"40\"/>");
    for (at, bar) in bars.iter().enumerate() {
        let Some(Rate {
            rate: Some(share),
            interval,
            ..
        }) = bar.rate
        else {
            continue;
        };
        let (top, place) = (20 * at, |share: f64| (100.0 * share / most).min(100.0));
        html.raw("<rect height=\"14\" x=\"0\" class=")
            .attribute(bar.kind)
            .raw(" y=")
            .attribute(&(top + 3).to_string());
        html.raw(" width=")
            .attribute(&format!("{:.2}", place(*share)))
            .raw("/>");
        if let Some(ends) = interval {
            let [low, high] = ends.map(place);
            html.raw("<path class=\"whisker\" d=");
            let (up, middle, down) = (top + 6, top + 10, top + 14);
            html.attribute(&format!(
                "M{low:.2} {up}V{down}M{low:.2} {middle}H{high:.2}M{high:.2} {up}V{down}"
            ))
            .raw("/>");
        }
    }
    html.raw("</svg><span class=\"value num\">")
        .text(value)
        .raw("</span></div>\n");
}

fn metrics(html: &mut Html, now: &Scores, before: Option<&Scores>) {
    let rates = |scores: &Scores| {
        [
            ("execution", scores.matches),
            ("exact text", scores.exact),
            ("normalised text", scores.normalised),
            ("components (Spider)", scores.components),
            ("execution (BIRD)", scores.bird),
            ("runs", scores.runs),
        ]
    };
    let old = before.map(rates);
    let rows: Vec<_> = rates(now)
        .into_iter()
        .enumerate()
        .filter(|(_, (_, rate))| rate.of > 0)
        .map(|(at, (name, rate))| {
            let mut cells = vec![
                count(rate.count),
                count(rate.of),
                percent(rate.rate),
                interval(rate.interval),
            ];
            cells.extend(old.map(|old| percent(old[at].1.rate)));
            (name.to_owned(), cells)
        })
        .collect();
    html.raw("<div class=\"panel\"><h3>Metrics</h3>\n");
    let head = ["metric", "count", "of", "rate", "95 % interval", "before"];
    table(html, &head[..if before.is_some() { 6 } else { 5 }], &rows);
    html.raw("</div>\n");
}
