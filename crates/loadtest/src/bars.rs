//! A chart of bars, as SVG, readable on light and on dark pages.

const WIDTH: u64 = 840;
const ROW_HEIGHT: u64 = 30;
const BAR_HEIGHT: u64 = 16;
/// Where the rows begin.
const TOP: u64 = 44;
/// Where names end, and bars begin.
const LEFT: u64 = 260;
/// The longest bar; its number stands behind it.
const BAR_WIDTH_MAX: u64 = 450;

/// Colours that stand out from white and from black pages alike, and text that follows the page.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}\
    .name{text-anchor:end}.head{font-weight:600}.bar{fill:#3b82c4}\
    @media(prefers-color-scheme:dark){text{fill:#d7dde3}}";

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    /// As written for Markdown.
    pub(crate) name: String,
    /// Its length, against those of the others.
    pub(crate) value: u64,
    /// The value as people read it, with its unit.
    pub(crate) shown: String,
}

/// Draws bars below each other, under a heading.
pub(crate) fn draw(heading: &str, bars: &[Bar]) -> String {
    let most = bars.iter().map(|bar| bar.value).max().unwrap_or(0);
    let rows = u64::try_from(bars.len()).unwrap_or(0);
    let height = TOP + rows * ROW_HEIGHT + 8;
    let mut parts = vec![
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
            escaped(heading)
        ),
        format!("<style>{STYLE}</style>"),
        text(LEFT, 24, "head", heading),
    ];
    for (row, bar) in (0..).zip(bars) {
        let top = TOP + row * ROW_HEIGHT;
        let baseline = top + 13;
        let width = (bar.value * BAR_WIDTH_MAX).checked_div(most).unwrap_or(0);
        parts.push(text(LEFT - 10, baseline, "name", &bar.name));
        parts.push(format!(
            "<rect class=\"bar\" x=\"{LEFT}\" y=\"{top}\" width=\"{width}\" \
             height=\"{BAR_HEIGHT}\" rx=\"2\"/>"
        ));
        parts.push(text(LEFT + width + 6, baseline, "number", &bar.shown));
    }
    parts.push("</svg>".to_owned());
    parts.join("\n") + "\n"
}

fn text(x: u64, y: u64, class: &str, words: &str) -> String {
    let words = escaped(words);
    format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>")
}

/// Names are written for Markdown.
fn escaped(words: &str) -> String {
    words
        .replace('`', "")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
