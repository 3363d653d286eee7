//! What a suite comes to: one part of the report.

/// A part of the report. The report numbers and orders nothing: it says what its suite says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// The heading, without its mark.
    pub(crate) title: String,
    /// Markdown below the heading: method where it differs, tables, raw figures. Headings in it
    /// begin at the third level.
    pub(crate) text: String,
    /// Drawn below the heading.
    pub(crate) chart: Option<Chart>,
}

/// A picture of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chart {
    /// Names its file, behind the report's own name: `reads` becomes `<report>-reads.svg`.
    pub(crate) name: &'static str,
    /// What it shows, for those who do not see it.
    pub(crate) description: &'static str,
    pub(crate) svg: String,
}

impl Chart {
    /// Its file's name in the report of this name.
    pub(crate) fn file(&self, report: &str) -> String {
        format!("{report}-{}.svg", self.name)
    }
}

impl Section {
    pub(crate) fn to_markdown(&self, report: &str) -> String {
        let mut parts = vec![format!("## {}", self.title)];
        if let Some(chart) = &self.chart {
            parts.push(format!("![{}]({})", chart.description, chart.file(report)));
        }
        parts.push(self.text.clone());
        parts.join("\n\n")
    }
}
