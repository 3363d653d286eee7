use proptest::prelude::*;

use crate::{
    EntityTag, Epoch, Position, ResourceKey, Sequence, Timestamp, Version,
    digest::{
        Digest, DigestError, DocumentState, LISTED_BUCKETS_MAX, Listing, Question, QuestionError,
    },
};

const POSITION: Position = Position::new(Epoch(17), Sequence(3));

fn state() -> DocumentState {
    DocumentState {
        sequence: Sequence(3),
        version: Version(1),
        expires_at: None,
        tag: Some(EntityTag::of(b"{}")),
    }
}

fn digest(documents: &[(&str, DocumentState)]) -> Digest {
    let mut digest = Digest::empty(POSITION, 4);
    for (key, state) in documents {
        digest.add(key, state);
    }
    digest
}

#[test]
fn order_does_not_matter() {
    let (a, b) = (("posts/a", state()), ("posts/b", state()));
    assert_eq!(digest(&[a, b]), digest(&[b, a]));
    assert_eq!(digest(&[a, b]).documents(), 2);
}

#[test]
fn every_member_of_a_state_counts() {
    let base = digest(&[("posts/a", state())]);
    let others = [
        DocumentState {
            sequence: Sequence(4),
            ..state()
        },
        DocumentState {
            version: Version(2),
            ..state()
        },
        DocumentState {
            expires_at: Some(Timestamp(0)),
            ..state()
        },
        DocumentState {
            tag: Some(EntityTag::of(b"[]")),
            ..state()
        },
        DocumentState {
            tag: None,
            ..state()
        },
    ];
    for other in others {
        assert_eq!(
            base.differing(&digest(&[("posts/a", other)])).len(),
            1,
            "{other:?}"
        );
    }
    assert!(!base.differing(&digest(&[])).is_empty());
    assert!(!base.differing(&digest(&[("posts/b", state())])).is_empty());
    // Fingerprints are added, not combined by exclusive or: twice is not the same as never.
    let twice = digest(&[("posts/a", state()), ("posts/a", state())]);
    assert!(!twice.differing(&digest(&[])).is_empty());
    assert_eq!(base.differing(&base), [0; 0]);
}

#[test]
fn damaged_texts_are_refused_by_line() {
    for (text, line) in [
        ("", 1),
        ("position 1\nbuckets 4\n", 1),
        ("position 1.1\n", 2),
        ("position 1.1\nbuckets 3\n", 2),
        ("position 1.1\nbuckets 131072\n", 2),
        ("position 1.1\nbuckets 4\n4 1 00\n", 3),
        ("position 1.1\nbuckets 4\n0 1 zz\n", 3),
        ("position 1.1\nbuckets 4\n0 1 00 \n", 3),
        ("position 1.1\nbuckets 4\n0 0 00\n", 3),
    ] {
        assert_eq!(Digest::from_text(text), Err(DigestError(line)), "{text}");
    }
    for (text, line) in [
        ("position\n", 1),
        ("position 1.1\n1 1 - - posts\n", 2),
        (
            "position 1.1\n1 1 - +f000000000000000000000000000000f posts/a\n",
            2,
        ),
        ("position 1.1\n1 1 x - posts/a\n", 2),
    ] {
        assert_eq!(Listing::from_text(text), Err(DigestError(line)), "{text}");
    }
}

#[test]
fn more_documents_than_can_be_counted_are_as_many_as_can() {
    let text = format!("position 1.1\nbuckets 2\n0 {0} 0\n1 {0} 0\n", u64::MAX);
    assert_eq!(Digest::from_text(&text).unwrap().documents(), u64::MAX);
}

#[test]
fn questions_are_read_and_held_against_their_limits() {
    for query in ["buckets=1", "buckets=65536", "buckets=8&of=0,7"] {
        assert_eq!(
            Question::parse(query).map(|it| it.to_query()).as_deref(),
            Ok(query)
        );
    }
    for query in [
        "",
        "buckets=0",
        "buckets=3",
        "buckets=131072",
        "buckets=",
        "of=1",
    ] {
        assert_eq!(
            Question::parse(query),
            Err(QuestionError::Buckets),
            "{query}"
        );
    }
    for query in ["buckets=8&of=8", "buckets=8&of=", "buckets=8&of=1,,2"] {
        assert_eq!(Question::parse(query), Err(QuestionError::Of), "{query}");
    }
    for query in ["buckets=8&buckets=8", "a=1", "buckets"] {
        assert_eq!(
            Question::parse(query),
            Err(QuestionError::Member),
            "{query}"
        );
    }
    let numbers = |count: usize| {
        let numbers: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        Question::parse(&format!("buckets=1024&of={}", numbers.join(",")))
    };
    assert!(numbers(LISTED_BUCKETS_MAX).is_ok());
    assert_eq!(numbers(LISTED_BUCKETS_MAX + 1), Err(QuestionError::Of));
}

fn states() -> impl Strategy<Value = DocumentState> {
    let tag = proptest::option::of(any::<[u8; 16]>());
    (
        any::<u64>(),
        any::<u64>(),
        proptest::option::of(any::<i64>()),
        tag,
    )
        .prop_map(|(sequence, version, expires_at, tag)| DocumentState {
            sequence: Sequence(sequence),
            version: Version(version),
            expires_at: expires_at.map(Timestamp),
            tag: tag.map(EntityTag),
        })
}

proptest! {
    #[test]
    fn texts_are_read_back(documents in proptest::collection::btree_map("[ -~\u{85}-\u{3000}]{1,9}", states(), 0..20)) {
        let documents = documents.into_iter().filter_map(|(id, state)| {
            Some((ResourceKey::parse("posts", &id).ok()?, state))
        });
        let listing = Listing { position: POSITION, documents: documents.collect() };
        prop_assert_eq!(Listing::from_text(&listing.to_text()), Ok(listing.clone()));
        let mut digest = Digest::empty(POSITION, 8);
        for (key, state) in &listing.documents {
            digest.add(key.as_str(), state);
        }
        prop_assert_eq!(Digest::from_text(&digest.to_text()), Ok(digest));
    }
}
