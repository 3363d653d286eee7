//! The chart, as SVG: bars of the rate and of the cost, readable on light and on dark pages.

use super::summary::Line;
use crate::decimal::{grouped, one_decimal};

const WIDTH: u64 = 840;
const ROW_HEIGHT: u64 = 30;
const BAR_HEIGHT: u64 = 16;
/// Where the rows begin.
const TOP: u64 = 44;
/// Where names end, and the bars of the rate begin.
const RATE_LEFT: u64 = 190;
/// Where the bars of the cost begin.
const COST_LEFT: u64 = 530;
/// The longest bar; its number stands behind it.
const BAR_WIDTH_MAX: u64 = 230;

/// Colours that stand out from white and from black pages alike, and text that follows the page.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}\
    .name{text-anchor:end}.head{font-weight:600}.rate{fill:#3b82c4}.cost{fill:#d0803a}\
    @media(prefers-color-scheme:dark){text{fill:#d7dde3}}";

/// Draws the medians.
pub(crate) fn draw(lines: &[Line]) -> String {
    let rate_max = most(lines, |line| line.requests_per_second);
    let cost_max = most(lines, |line| line.cost_nanos);
    let rows = u64::try_from(lines.len()).unwrap_or(0);
    let height = TOP + rows * ROW_HEIGHT + 8;
    let mut parts = vec![
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"Requests per second, and processor time per request\">"
        ),
        format!("<style>{STYLE}</style>"),
        text(
            RATE_LEFT,
            24,
            "head",
            "requests per second (more is better)",
        ),
        text(
            COST_LEFT,
            24,
            "head",
            "server CPU µs per request (less is better)",
        ),
    ];
    for (row, line) in (0..).zip(lines) {
        let top = TOP + row * ROW_HEIGHT;
        let baseline = top + 13;
        let rate = bar_width(line.requests_per_second, rate_max);
        let cost = bar_width(line.cost_nanos, cost_max);
        parts.push(text(RATE_LEFT - 10, baseline, "name", line.name));
        parts.push(bar(RATE_LEFT, top, rate, "rate"));
        let number = grouped(line.requests_per_second);
        parts.push(text(RATE_LEFT + rate + 6, baseline, "number", &number));
        parts.push(bar(COST_LEFT, top, cost, "cost"));
        let number = one_decimal(line.cost_nanos);
        parts.push(text(COST_LEFT + cost + 6, baseline, "number", &number));
    }
    parts.push("</svg>".to_owned());
    parts.join("\n") + "\n"
}

fn most(lines: &[Line], value: impl Fn(&Line) -> u64) -> u64 {
    lines.iter().map(value).max().unwrap_or(0)
}

fn bar_width(value: u64, most: u64) -> u64 {
    (value * BAR_WIDTH_MAX).checked_div(most).unwrap_or(0)
}

fn bar(left: u64, top: u64, width: u64, class: &str) -> String {
    format!(
        "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{BAR_HEIGHT}\" rx=\"2\"/>"
    )
}

fn text(x: u64, y: u64, class: &str, words: &str) -> String {
    // Names are written for Markdown.
    let words = words
        .replace('`', "")
        .replace('&', "&amp;")
        .replace('<', "&lt;");
    format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>")
}
