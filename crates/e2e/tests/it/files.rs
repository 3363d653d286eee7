//! Files of this repository that are no code.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Where it is.
pub(crate) fn path_of(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// A file of the repository.
pub(crate) fn text(path: &str) -> String {
    let path = path_of(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The same as YAML, of which JSON is a part.
pub(crate) fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The texts of a list.
pub(crate) fn list(value: &Value) -> Vec<&str> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).collect()
}

/// The members of a list.
pub(crate) fn entries(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}
