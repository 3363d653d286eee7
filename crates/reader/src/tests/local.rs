//! The local snapshot's file.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::mpsc::{Sender, channel},
};

use shared::{ContentCoding, Envelope, Link, Position, Timestamp};
use tempfile::TempDir;

use super::{at, at_epoch, delete, holding, put, put_at, put_coded};
use crate::{
    catalog::{Applied, Catalog, CatalogConfig, catalog},
    entry::{Entry, Hydration},
    local::{Header, LocalError, LocalSnapshot, Pace, elapsed, origin_of, write},
    replica::Tip,
};

const ORIGIN: u64 = 42;

fn header(position: Position) -> Header {
    Header {
        origin: ORIGIN,
        tip: Tip {
            position,
            link: Link(99),
        },
        database_time: Some(Timestamp(1_000_000)),
        taken_at: Timestamp(2_000_000),
        confirmed_at: None,
    }
}

fn keep(directory: &Path, catalog: &Catalog, sequence: u64) -> Result<u64, LocalError> {
    let (_going_on, cancel) = channel();
    write(
        directory,
        catalog,
        &header(at(sequence)),
        Pace::Full,
        &cancel,
    )
}

/// A directory with the file of a few documents.
fn kept() -> (TempDir, PathBuf) {
    let mut expiring = put("posts/expiring", 3, "{}");
    expiring.expires_at = Some(Timestamp(7));
    let (catalog, _writer) = holding(&[
        put("posts/a", 1, "first"),
        put_coded(
            "posts/coded",
            2,
            &[(ContentCoding::Identity, 900), (ContentCoding::Brotli, 300)],
        ),
        expiring,
        delete("posts/gone", 4),
    ]);
    let directory = tempfile::tempdir().unwrap();
    keep(directory.path(), &catalog, 4).unwrap();
    let file = directory.path().join("reader.snapshot");
    (directory, file)
}

fn open(directory: &Path) -> Result<Option<LocalSnapshot>, LocalError> {
    LocalSnapshot::open(directory, ORIGIN)
}

fn refusal(directory: &Path) -> String {
    match open(directory) {
        Err(error) => error.to_string(),
        Ok(found) => panic!("it is believed: {:?}", found.map(|it| *it.header())),
    }
}

fn envelopes(mut snapshot: LocalSnapshot) -> Vec<Envelope> {
    let mut all = Vec::new();
    loop {
        let chunk = snapshot.next_chunk().unwrap();
        if chunk.is_empty() {
            return all;
        }
        all.extend(chunk);
    }
}

fn files(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    names.map(|entry| name(entry.unwrap())).collect()
}

/// What readers would be answered with, by key.
fn prepared(envelopes: &[Envelope]) -> BTreeMap<String, String> {
    let (catalog, _writer) = holding(envelopes);
    let mut all = BTreeMap::new();
    catalog.for_each(|entry: &Entry| {
        let bodies: Vec<_> = entry.representations().collect();
        let state = format!(
            "{:?} {:?} {:?} {:?}",
            entry.position(),
            entry.version(),
            entry.expires_at(),
            bodies
                .iter()
                .map(|one| (one.coding(), one.tag(), one.octets()))
                .collect::<Vec<_>>()
        );
        all.insert(entry.key().to_owned(), state);
    });
    all
}

#[test]
fn what_is_held_comes_back() {
    let mut expiring = put("posts/expiring", 3, "{}");
    expiring.expires_at = Some(Timestamp(7));
    let coded = [(ContentCoding::Identity, 900), (ContentCoding::Brotli, 300)];
    let all = [
        put("posts/a", 1, "first"),
        put_coded("posts/coded", 2, &coded),
        expiring,
        delete("posts/gone", 4),
    ];
    let (catalog, _writer) = holding(&all);
    let directory = tempfile::tempdir().unwrap();
    let bytes = keep(directory.path(), &catalog, 4).unwrap();

    let snapshot = open(directory.path()).unwrap().expect("there is a file");

    assert_eq!(*snapshot.header(), header(at(4)));
    assert_eq!(snapshot.documents(), 4);
    assert_eq!(prepared(&envelopes(snapshot)), prepared(&all));
    let file = directory.path().join("reader.snapshot");
    assert_eq!(fs::metadata(file).unwrap().len(), bytes);
    assert_eq!(files(directory.path()), ["reader.snapshot"], "and no more");
}

#[test]
fn nothing_there_is_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    assert!(open(directory.path()).unwrap().is_none());
    assert!(open(&directory.path().join("nowhere")).unwrap().is_none());
}

#[test]
fn any_octet_damaged_is_noticed() {
    let (directory, file) = kept();
    let whole = fs::read(&file).unwrap();
    for index in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[index] ^= 1 << (index % 8);
        fs::write(&file, &damaged).unwrap();
        assert!(open(directory.path()).is_err(), "octet {index}");
    }
}

#[test]
fn any_cut_is_noticed() {
    let (directory, file) = kept();
    let whole = fs::read(&file).unwrap();
    for len in 0..whole.len() {
        fs::write(&file, &whole[..len]).unwrap();
        assert_eq!(refusal(directory.path()), "it is cut short", "{len}");
    }
    let mut longer = whole;
    longer.push(0);
    fs::write(&file, &longer).unwrap();
    assert_eq!(refusal(directory.path()), "octets follow its end");
}

#[test]
fn document_lost_from_the_middle_is_noticed() {
    let (directory, file) = kept();
    let mut whole = fs::read(&file).unwrap();
    let length = u32::from_be_bytes(whole[72..76].try_into().unwrap()) as usize;
    whole.drain(72..76 + length);
    fs::write(&file, &whole).unwrap();
    let expected = "it says that it has 4 documents and has 3";
    assert_eq!(refusal(directory.path()), expected);
}

#[test]
fn files_of_others_are_not_believed() {
    let (directory, file) = kept();
    let other_bus = LocalSnapshot::open(directory.path(), ORIGIN + 1);
    assert_eq!(
        other_bus.unwrap_err().to_string(),
        "it was taken of another bus"
    );
    let mut newer = fs::read(&file).unwrap();
    newer[4] = 2;
    fs::write(&file, &newer).unwrap();
    let expected = "its format 2 is newer than 1, the newest this version reads";
    assert_eq!(refusal(directory.path()), expected);
    fs::write(&file, [b'x'; 4096]).unwrap();
    assert_eq!(refusal(directory.path()), "it is not a local snapshot");
}

#[test]
fn two_epochs_are_not_written_as_one() {
    let other = put_at("posts/b", at_epoch(8, 1), "later");
    let (catalog, _writer) = holding(&[put("posts/a", 1, "first"), other]);
    let directory = tempfile::tempdir().unwrap();
    let refused = keep(directory.path(), &catalog, 1).unwrap_err();
    assert_eq!(refused.to_string(), "it mixes two epochs");
    assert_eq!(files(directory.path()), [""; 0]);
}

#[test]
fn full_disk_leaves_the_file_before() {
    let (directory, file) = kept();
    let before = fs::read(&file).unwrap();
    let temporary = directory.path().join("reader.snapshot.tmp");
    symlink("/dev/full", &temporary).unwrap();
    let (catalog, _writer) = holding(&[put("posts/b", 5, "second")]);

    let full = keep(directory.path(), &catalog, 5).unwrap_err();

    let LocalError::File(what, error) = full else {
        panic!("{full:?} is no fault of the file");
    };
    assert_eq!(what, "it cannot be written");
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(files(directory.path()), ["reader.snapshot"]);
    keep(directory.path(), &catalog, 5).expect("and later there is room again");
}

#[test]
fn directory_that_cannot_be_one_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "").unwrap();
    let (catalog, _writer) = holding(&[]);
    let refused = keep(&path, &catalog, 1).unwrap_err();
    assert_eq!(refused.to_string(), "the directory cannot be made");
}

#[test]
fn directory_in_use_is_left_alone() {
    let (directory, _file) = kept();
    let other = fs::File::open(directory.path()).unwrap();
    other.lock().unwrap();
    let (catalog, _writer) = holding(&[]);
    let refused = keep(directory.path(), &catalog, 1).unwrap_err();
    assert_eq!(refused.to_string(), "another process writes there");
}

#[test]
fn writing_that_is_cancelled_leaves_the_file_before() {
    let (directory, file) = kept();
    let before = fs::read(&file).unwrap();
    let (going_on, cancel): (Sender<()>, _) = channel();
    drop(going_on);
    let (catalog, _writer) = holding(&[put("posts/b", 5, "second")]);
    let ended = write(
        directory.path(),
        &catalog,
        &header(at(5)),
        Pace::Half,
        &cancel,
    );
    assert!(matches!(ended, Err(LocalError::Cancelled)), "{ended:?}");
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(files(directory.path()), ["reader.snapshot"]);
}

/// The position in the header was held before: so whatever is replaced while the file is written is
/// in it, in the one state or the other.
#[test]
fn documents_replaced_meanwhile_are_not_missed() {
    const DOCUMENTS: u64 = 20_000;
    let key = |number: u64| format!("posts/{number}");
    let all: Vec<_> = (1..=DOCUMENTS).map(|n| put(&key(n), n, "before")).collect();
    let (catalog, mut writer) = holding(&all);
    let directory = tempfile::tempdir().unwrap();
    let mut sequence = DOCUMENTS;
    // Where threads share a core, one of them may do all that it has to before the other begins.
    for _ in 0..100 {
        let before = sequence;
        let written = std::thread::scope(|scope| {
            let writing = scope.spawn(|| keep(directory.path(), &catalog, DOCUMENTS));
            while !writing.is_finished() {
                sequence += 1;
                writer.apply(
                    &put(&key(sequence % DOCUMENTS + 1), sequence, "after"),
                    None,
                );
            }
            writing.join().unwrap()
        });
        written.unwrap();

        let found = envelopes(open(directory.path()).unwrap().expect("there is a file"));

        let keys: std::collections::BTreeSet<_> = found
            .iter()
            .map(|one| one.key.as_str().to_owned())
            .collect();
        assert_eq!(keys.len() as u64, DOCUMENTS);
        if found.iter().any(|one| before < one.position.sequence.0) {
            return;
        }
    }
    panic!("nothing was replaced meanwhile");
}

#[test]
fn a_bus_is_named_by_its_place_alone() {
    let origin = origin_of("redis://redis.example:6379/1");
    for same in [
        "redis://:hunter2@redis.example:6379/1",
        "rediss://user:a@b@redis.example:6379/1/",
        "redis://redis.example:6379/1?protocol=resp3",
    ] {
        assert_eq!(origin_of(same), origin, "{same}");
    }
    for other in [
        "redis://redis.example:6379/2",
        "redis://redis.example:6380/1",
    ] {
        assert_ne!(origin_of(other), origin, "{other}");
    }
    let of_sentinels = |host: &str| {
        let url = format!("redis+sentinel://{host}/feed?sentinel_password=hunter@2");
        origin_of(&url)
    };
    assert_ne!(of_sentinels("one.example"), of_sentinels("other.example"));
}

#[test]
fn wall_clock_that_went_back_tells_no_age() {
    assert_eq!(elapsed(Timestamp(5), Timestamp(4)), None);
    assert_eq!(
        elapsed(Timestamp(5), Timestamp(5)),
        Some(std::time::Duration::ZERO)
    );
}

#[test]
fn set_that_is_not_whole_is_not_written() {
    let (directory, _file) = kept();
    let (catalog, mut writer) = catalog(CatalogConfig {
        bytes_max: Some(16 * 1024),
    });
    let documents = (1..=300).map(|one| put(&format!("posts/{one}"), one, "{}"));
    let applied: Vec<Applied> = documents
        .map(|one| writer.apply(&one, Some(Hydration(1))))
        .collect();
    assert!(applied.contains(&Applied::LeftOut));
    assert_eq!(catalog.evictions(), 0);
    let refused = keep(directory.path(), &catalog, 300);
    assert!(matches!(refused, Err(LocalError::Partial)), "{refused:?}");
    let before = open(directory.path()).unwrap().expect("the one before");
    assert_eq!(before.header().tip.position, at(4));
}
