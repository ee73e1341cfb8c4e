//! One drawing: curves over the steps, with their axes.
//!
//! The drawing has 1,000 units by 300, from the top left, and is stretched to the width that there is; lines keep
//! their width, and the names of marks are text beside it.

use std::fmt::Write as _;

use super::axis::Axis;
use super::html::Html;
use super::thin::{Point, thin};

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 300.0;

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// A thin, pale line: single steps.
    Raw,
    /// A strong line.
    Strong,
    /// Dots with a line between them: values that were measured now and then.
    Dots,
}

/// One curve.
#[derive(Debug)]
pub(super) struct Curve {
    pub(super) name: String,
    /// Which of the page's eight colours.
    pub(super) colour: usize,
    pub(super) look: Look,
    pub(super) points: Vec<Point>,
    /// For dots: 95 % intervals, one for each point.
    pub(super) intervals: Vec<Option<[f64; 2]>>,
}

/// A level line across the drawing.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) name: String,
    pub(super) value: f64,
}

/// One drawing.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) title: &'static str,
    /// A sentence below the title.
    pub(super) note: String,
    pub(super) curves: Vec<Curve>,
    pub(super) level: Option<Level>,
    /// A step that is marked, with the reason.
    pub(super) mark: Option<(f64, String)>,
    pub(super) y: Axis,
}

/// The classes of the colours; static, since markup is.
const COLOURS: [&str; 8] = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"];

impl Figure {
    /// Nothing where no curve has a point.
    pub(super) fn write(&self, html: &mut Html, x: &Axis) {
        if self.curves.iter().all(|curve| curve.points.is_empty()) {
            return;
        }
        html.raw("<figure class=\"panel curve\">\n<h3>")
            .text(self.title)
            .raw("</h3>\n<figcaption class=\"soft\">");
        self.write_legend(html);
        html.raw("</figcaption>\n<div class=\"plot\"><div class=\"ys\" aria-hidden=\"true\">");
        for (place, name) in self.y.marks() {
            html.raw("<span style=\"top:")
                .shown(format_args!("{:.2}", 100.0 * (1.0 - place)))
                .raw("%\">")
                .text(&name)
                .raw("</span>");
        }
        html.raw("</div><svg viewBox=\"0 0 1000 300\" preserveAspectRatio=\"none\" role=\"img\" aria-label=");
        html.attribute(&self.spoken()).raw(">");
        html.raw("<rect class=\"track\" x=\"0\" y=\"0\" width=\"1000\" height=\"300\"/>");
        for (place, _) in self.y.marks() {
            line(
                html,
                "<line class=\"grid\"",
                [0.0, top(place), WIDTH, top(place)],
            );
        }
        self.write_marks(html, x);
        for curve in &self.curves {
            curve.write(html, x, &self.y);
        }
        html.raw("</svg><div class=\"xs\" aria-hidden=\"true\">");
        for (place, name) in x.marks() {
            html.raw("<span style=\"left:")
                .shown(format_args!("{:.2}", 100.0 * place))
                .raw("%\">")
                .text(&name)
                .raw("</span>");
        }
        html.raw("</div></div>\n</figure>\n");
    }

    fn write_legend(&self, html: &mut Html) {
        let bad: usize = self
            .curves
            .iter()
            .map(|curve| curve.points.iter().filter(|p| !p.1.is_finite()).count())
            .max()
            .unwrap_or(0);
        for curve in &self.curves {
            html.raw("<span class=\"key line ")
                .raw(COLOURS[curve.colour % 8]);
            html.raw(if curve.look == Look::Raw {
                " raw\"></span>"
            } else {
                "\"></span>"
            })
            .foreign(&curve.name);
        }
        if let Some(level) = &self.level {
            html.raw("<span class=\"key line level\"></span>")
                .foreign(&level.name);
        }
        if let Some((_, reason)) = &self.mark {
            html.raw("<span class=\"key line best\"></span>")
                .foreign(reason);
        }
        if self.y.is_logarithmic() {
            html.raw("<span class=\"note\">Logarithmic.</span>");
        }
        if bad > 0 {
            html.raw("<span class=\"key line bad\"></span>")
                .shown(bad)
                .raw(" not finite.");
        }
        if !self.note.is_empty() {
            html.raw("<span class=\"note\">")
                .text(&self.note)
                .raw("</span>");
        }
    }

    /// What a screen reader says: the curves with their first and last values.
    fn spoken(&self) -> String {
        let mut text = format!("{} over steps.", self.title);
        for curve in &self.curves {
            let finite = || curve.points.iter().filter(|point| point.1.is_finite());
            if let (Some(first), Some(last)) = (finite().next(), finite().next_back()) {
                let _ = write!(
                    text,
                    " {}: {:.4} at step {}, {:.4} at step {}.",
                    curve.name, first.1, first.0, last.1, last.0
                );
            }
        }
        text
    }

    fn write_marks(&self, html: &mut Html, x: &Axis) {
        if let Some(level) = self.level.as_ref().filter(|level| level.value.is_finite()) {
            let y = top(self.y.place(level.value));
            line(html, "<line class=\"level\"", [0.0, y, WIDTH, y]);
        }
        if let Some((step, _)) = self.mark {
            let x = WIDTH * x.place(step);
            line(html, "<line class=\"best\"", [x, 0.0, x, HEIGHT]);
        }
        for curve in &self.curves {
            for point in curve
                .points
                .iter()
                .filter(|point| !point.1.is_finite())
                .take(200)
            {
                let x = WIDTH * x.place(point.0);
                line(html, "<line class=\"bad\"", [x, 0.0, x, HEIGHT]);
            }
        }
    }
}

impl Curve {
    fn write(&self, html: &mut Html, x: &Axis, y: &Axis) {
        let place = |point: &Point| (WIDTH * x.place(point.0), top(y.place(point.1)));
        let mut path = String::new();
        let mut pen_down = false;
        for point in thin(&self.points) {
            if !point.1.is_finite() {
                pen_down = false;
                continue;
            }
            let (x, y) = place(&point);
            let _ = write!(path, "{}{x:.2} {y:.2}", if pen_down { "L" } else { "M" });
            pen_down = true;
        }
        html.raw("<path class=\"").raw(COLOURS[self.colour % 8]);
        html.raw(if self.look == Look::Raw {
            " raw\" d="
        } else {
            "\" d="
        })
        .attribute(&path)
        .raw("/>");
        if self.look != Look::Dots {
            return;
        }
        for (at, point) in self
            .points
            .iter()
            .enumerate()
            .filter(|(_, point)| point.1.is_finite())
        {
            let (left, middle) = place(point);
            if let Some(Some(ends)) = self.intervals.get(at) {
                let [low, high] = ends.map(|end| top(y.place(end)));
                line(html, "<line class=\"whisker\"", [left, low, left, high]);
            }
            // A line without length and with round ends is a dot that stretching leaves round.
            html.raw("<path class=\"dot ")
                .raw(COLOURS[self.colour % 8])
                .raw("\" d=");
            html.attribute(&format!("M{left:.2} {middle:.2}h0"))
                .raw("/>");
        }
    }
}

fn top(place: f64) -> f64 {
    HEIGHT * (1.0 - place)
}

fn line(html: &mut Html, open: &'static str, ends: [f64; 4]) {
    html.raw(open);
    for (name, end) in [" x1=", " y1=", " x2=", " y2="].into_iter().zip(ends) {
        html.raw(name).attribute(&format!("{end:.2}"));
    }
    html.raw("/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(curve: Curve, level: Option<Level>) -> String {
        let values = [0.0, 2.0];
        let figure = Figure {
            title: "Loss",
            note: String::new(),
            curves: vec![curve],
            level,
            mark: Some((3.0, "best".into())),
            y: Axis::from_zero(values.into_iter()),
        };
        let mut html = Html::default();
        figure.write(&mut html, &Axis::steps([1.0, 5.0].into_iter()));
        html.finish()
    }

    #[test]
    fn points_stand_where_their_numbers_say() {
        let curve = Curve {
            name: "raw <i>".into(),
            colour: 1,
            look: Look::Raw,
            points: vec![
                (1.0, 2.0),
                (2.0, 1.0),
                (3.0, f64::NAN),
                (4.0, 0.5),
                (5.0, 0.0),
            ],
            intervals: vec![],
        };
        let html = drawn(
            curve,
            Some(Level {
                name: "limit".into(),
                value: 1.5,
            }),
        );
        // A quarter of 1,000 for each step, 150 for each 1.0 of loss, from the bottom at 300; a gap at step 3.
        assert!(
            html.contains("d=\"M0.00 0.00L250.00 150.00M750.00 225.00L1000.00 300.00\""),
            "{html}"
        );
        assert!(html.contains(
            "<line class=\"level\" x1=\"0.00\" y1=\"75.00\" x2=\"1000.00\" y2=\"75.00\"/>"
        ));
        assert!(html.contains("<line class=\"best\" x1=\"500.00\""));
        assert!(
            html.contains("<line class=\"bad\" x1=\"500.00\"") && html.contains("1 not finite")
        );
        assert!(html.contains("raw &lt;i&gt;") && !html.contains("<i>"));
        assert!(html.contains("2.0000 at step 1, 0.0000 at step 5."));
    }

    #[test]
    fn dots_have_whiskers_and_an_empty_figure_is_nothing() {
        let curve = |points: Vec<Point>| Curve {
            name: "accuracy".into(),
            colour: 0,
            look: Look::Dots,
            intervals: points.iter().map(|_| Some([0.5, 1.5])).collect(),
            points,
        };
        let html = drawn(curve(vec![(2.0, 1.0)]), None);
        assert!(html.contains(
            "<line class=\"whisker\" x1=\"250.00\" y1=\"225.00\" x2=\"250.00\" y2=\"75.00\"/>"
        ));
        assert!(html.contains("d=\"M250.00 150.00h0\""));
        assert_eq!(drawn(curve(vec![]), None), "");
    }
}
