//! The properties over `fuzz/corpus`: inputs made by hand, those that libFuzzer found to go other
//! ways, and those that broke something once; imports over lines about the limits, which a corpus of few
//! octets has few of; and requests whose header sections are nearly alike.

mod alike;

use std::{
    collections::BTreeSet,
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
};

use properties::{ALL, IMPORT_LINE_BYTES_MAX, imports};
use proptest::prelude::*;
use writer::ndjson::CUT_BYTES;

/// Octets of the whole corpus, at most: it is read by people and stays in every clone.
const CORPUS_BYTES_MAX: u64 = 200 * 1024;

/// Inputs of the whole corpus, at most.
const INPUTS_MAX: usize = 300;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| {
            entry
                .expect("it can be read")
                .file_name()
                .into_string()
                .expect("a name is text")
        })
        .collect()
}

#[test]
fn every_property_holds_of_its_corpus() {
    let mut broken = Vec::new();
    for (name, property) in ALL {
        let folder = fuzz().join("corpus").join(name);
        let inputs = names(&folder);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in inputs {
            let octets = fs::read(folder.join(&input)).unwrap();
            if panic::catch_unwind(AssertUnwindSafe(|| property(&octets))).is_err() {
                broken.push(format!("{name}/{input}"));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}

#[test]
fn every_property_has_a_fuzz_target_and_a_corpus_and_none_is_left_over() {
    let properties: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz().join("corpus")), properties);
    let targets = names(&fuzz().join("fuzz_targets"));
    let targets = targets.iter().map(|file| file.replace(".rs", "")).collect();
    assert_eq!(properties, targets);
    for name in &properties {
        let target = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(
            target.contains(&format!("properties::{name}(octets)")),
            "{name}"
        );
    }
}

#[test]
fn the_corpus_stays_small() {
    let (mut inputs, mut bytes) = (0, 0);
    for (name, _) in ALL {
        let folder = fuzz().join("corpus").join(name);
        for input in names(&folder) {
            inputs += 1;
            bytes += fs::metadata(folder.join(input)).unwrap().len();
        }
    }
    assert!(
        inputs <= INPUTS_MAX,
        "{inputs} inputs; at most {INPUTS_MAX}"
    );
    assert!(
        bytes <= CORPUS_BYTES_MAX,
        "{bytes} octets; at most {CORPUS_BYTES_MAX}"
    );
}

/// Lines of lengths around every limit.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![
        0..4_usize,
        CUT_BYTES - 2..CUT_BYTES + 2,
        IMPORT_LINE_BYTES_MAX - 2..IMPORT_LINE_BYTES_MAX + 3,
        IMPORT_LINE_BYTES_MAX..3 * IMPORT_LINE_BYTES_MAX,
    ];
    let line = (len, any::<u8>()).prop_map(|(len, octet)| {
        let octet = if octet == b'\n' { b'x' } else { octet };
        vec![octet; len]
    });
    (prop::collection::vec(line, 0..6), any::<bool>()).prop_map(|(lines, ends)| {
        let mut input = lines.join(&b'\n');
        if ends {
            input.push(b'\n');
        }
        input
    })
}

proptest! {
    #[test]
    fn imports_divide_lines_about_their_limits(input in lines()) {
        imports(&input);
    }
}
