//! The queries of dashboards and alerts.

use serde_json::Value;

use crate::files::{entries, text, yaml};

/// The dashboards, in `deploy/grafana/dashboards`.
pub(super) const DASHBOARDS: &[&str] = &["overview", "reader", "writer", "feed"];

/// What Grafana puts in for variables, here.
const VARIABLES: &[(&str, &str)] = &[("$__rate_interval", "1m"), ("$instance", ".+")];

/// A query and who asks it.
#[derive(Debug)]
pub(super) struct Query {
    /// The panel or the alert.
    pub(super) shown_by: String,
    /// In Prometheus' language.
    pub(super) text: String,
}

/// An alert of `rules.yml`.
#[derive(Debug)]
pub(super) struct Alert {
    /// Its name.
    pub(super) name: String,
    expression: String,
}

/// A dashboard's file.
pub(super) fn dashboard(name: &str) -> Value {
    let file = text(&format!("deploy/grafana/dashboards/{name}.json"));
    serde_json::from_str(&file).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every query of every panel.
pub(super) fn panels() -> Vec<Query> {
    let mut all = Vec::new();
    for name in DASHBOARDS {
        for panel in entries(&dashboard(name)["panels"]) {
            let title = panel["title"].as_str().expect("a title");
            let targets = entries(&panel["targets"]);
            let before = all.len();
            all.extend(targets.map(|target| Query {
                shown_by: format!("{name}, {title}"),
                text: filled_in(target["expr"].as_str().expect("a query")),
            }));
            assert!(all.len() > before, "{name}, {title} asks nothing");
        }
    }
    all
}

/// The series that the values of variables come from.
pub(super) fn variables() -> Vec<Query> {
    let mut all = Vec::new();
    for name in DASHBOARDS {
        for variable in entries(&dashboard(name)["templating"]["list"]) {
            let Some(query) = variable["query"]["query"].as_str() else {
                continue;
            };
            let inner = query.strip_prefix("label_values(").expect("label_values");
            let (series, _label) = inner.split_once(',').expect("a series and a label");
            all.push(Query {
                shown_by: format!("{name}, variable {}", variable["name"]),
                text: series.to_owned(),
            });
        }
    }
    all
}

/// Every alert.
pub(super) fn alerts() -> Vec<Alert> {
    let rules = yaml("deploy/prometheus/rules.yml");
    let groups = entries(&rules["groups"]);
    let rules = groups.flat_map(|group| entries(&group["rules"]));
    let alerts = rules.map(|rule| Alert {
        name: rule["alert"].as_str().expect("an alert").to_owned(),
        expression: rule["expr"].as_str().expect("an expression").to_owned(),
    });
    alerts.collect()
}

impl Alert {
    /// What is compared, and the number that it is compared with: a condition that holds for
    /// nobody has no data, what it compares has.
    ///
    /// # Panics
    /// It is not such a comparison.
    pub(super) fn condition(&self) -> (Query, f64) {
        let Self { name, expression } = self;
        let (left, right) = [" < ", " > "]
            .iter()
            .find_map(|operator| expression.rsplit_once(operator))
            .unwrap_or_else(|| panic!("{name} compares nothing: {expression}"));
        let number = right.trim().parse();
        let number = number.unwrap_or_else(|_not| panic!("{name}: {right} is no number"));
        for operator in ["<", ">", "=="] {
            assert!(!left.contains(operator), "{name} compares twice: {left}");
        }
        let query = Query {
            shown_by: name.clone(),
            text: left.to_owned(),
        };
        (query, number)
    }
}

fn filled_in(query: &str) -> String {
    let mut text = query.to_owned();
    for (variable, value) in VARIABLES {
        text = text.replace(variable, value);
    }
    assert!(!text.contains('$'), "a variable of no test: {text}");
    text
}
