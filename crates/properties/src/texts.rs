//! What travels as text between planes, and in targets.

use std::fmt::Debug;

use service::target::{key_from_path, path_of, post_from_query};
use shared::{
    Position, ResourceKey, Timestamp,
    digest::{Digest, Listing, Question},
};

/// Digests, listings, questions, positions, instants and keys: what is read and written again reads
/// the same.
///
/// Keys come back from paths that were made of them.
pub fn texts(octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else {
        return;
    };
    round(text, |text| Digest::from_text(text).ok(), Digest::to_text);
    round(text, |text| Listing::from_text(text).ok(), Listing::to_text);
    round(text, |text| Question::parse(text).ok(), Question::to_query);
    round(
        text,
        |text| text.parse::<Position>().ok(),
        Position::to_string,
    );
    round(
        text,
        |text| text.parse::<Timestamp>().ok(),
        Timestamp::to_string,
    );
    if let Ok(digest) = Digest::from_text(text) {
        // Counted by whoever compares it.
        assert!(digest.documents() > 0 || digest.buckets.iter().all(|one| one.documents == 0));
        assert!(digest.differing(&digest).is_empty());
    }
    let mut keys = vec![
        ResourceKey::from_text(text).ok(),
        post_from_query(Some(text)).ok(),
    ];
    if let Some((collection, id)) = text.split_once('/') {
        keys.push(key_from_path(collection, id).ok());
    }
    for key in keys.into_iter().flatten() {
        check_key(&key);
    }
}

fn round<T: PartialEq + Debug>(
    text: &str,
    read: impl Fn(&str) -> Option<T>,
    write: impl Fn(&T) -> String,
) {
    if let Some(value) = read(text) {
        let written = write(&value);
        assert_eq!(
            read(&written),
            Some(value),
            "{text:?} was written {written:?}"
        );
    }
}

fn check_key(key: &ResourceKey) {
    assert_eq!(ResourceKey::from_text(key.as_str()).as_ref(), Ok(key));
    let path = path_of(key);
    let segments = path
        .strip_prefix("/v1/")
        .and_then(|path| path.split_once('/'));
    let (collection, id) = segments.expect("a path has two segments");
    let again = key_from_path(collection, id);
    assert_eq!(again.ok().as_ref(), Some(key), "{path}");
}
