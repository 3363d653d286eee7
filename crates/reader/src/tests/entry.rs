//! What an entry keeps, and what keeping it costs.

use allocation_counter::measure;
use bytes::Bytes;
use proptest::prelude::*;
use shared::{
    Change, ContentCoding, Envelope, Representation, ResourceKey, Timestamp, Version,
    limits::NUMBER_MAX,
};

use super::{at, delete, empty, envelope, put, put_coded};
use crate::entry::{Content, Entry};

const CODED: [(ContentCoding, usize); 2] =
    [(ContentCoding::Identity, 1000), (ContentCoding::Gzip, 100)];

fn entry_of(envelope: &Envelope) -> Entry {
    Entry::of(envelope, &mut Vec::new())
}

fn check_kept(envelope: &Envelope) {
    let entry = entry_of(envelope);
    assert_eq!(entry.key(), envelope.key.as_str());
    let key = (envelope.key.collection(), envelope.key.id());
    assert_eq!(entry.key_octets(), (key.0.as_bytes(), key.1.as_bytes()));
    assert_eq!(entry.position(), envelope.position);
    assert_eq!(entry.version(), envelope.version);
    assert_eq!(entry.expires_at(), envelope.expires_at);
    let expiry = envelope.expires_at.map(|at| at.to_string());
    assert_eq!(entry.expiry_text(), expiry.as_deref().map(str::as_bytes));
    let representations = match &envelope.change {
        Change::Put(representations) => representations.as_slice(),
        Change::Delete => &[],
    };
    assert_eq!(entry.is_tombstone(), representations.is_empty());
    let mut kept = entry.representations();
    for one in representations {
        let prepared = kept.next().expect("as many as there were");
        assert_eq!(prepared.coding(), one.coding);
        assert_eq!(prepared.tag(), one.tag);
        assert_eq!(prepared.octets(), one.octets);
        assert_eq!(prepared.octets_len(), one.octets.len());
        let content = Content::new(entry.clone(), prepared.range());
        assert_eq!(content.as_ref(), one.octets);
    }
    assert!(kept.next().is_none());
}

#[test]
fn whatever_an_envelope_may_hold_is_kept() {
    check_kept(&delete("posts/a", 1));
    check_kept(&put("a/b", 1, ""));
    check_kept(&put_coded("posts/a", 1, &CODED));
    let long = format!("{}/{}", "c".repeat(64), "i".repeat(256));
    check_kept(&put(&long, 1, "{}"));
    for version in [0, 1, 255, 256, 1 << 32, NUMBER_MAX] {
        let version = Version(version);
        check_kept(&Envelope {
            version,
            ..put("posts/a", 1, "{}")
        });
    }
    for micros in [
        i64::MIN,
        -1,
        1,
        1_790_856_000_000_000,
        1_790_856_000_000_001,
        i64::MAX,
    ] {
        let expires_at = Some(Timestamp(micros));
        check_kept(&Envelope {
            expires_at,
            ..put("posts/a", 1, "{}")
        });
        check_kept(&Envelope {
            expires_at,
            ..put_coded("posts/a", 1, &CODED)
        });
        check_kept(&Envelope {
            expires_at,
            ..delete("posts/a", 1)
        });
    }
    // The codec lets no such thing pass; it is told as it is all the same.
    check_kept(&put_coded("posts/a", 1, &[(ContentCoding::Zstd, 10)]));
}

#[test]
fn content_outlives_its_place_in_the_catalog() {
    let (catalog, mut writer) = empty();
    writer.apply(&put("posts/a", 1, "first"), None);
    let mut kept = None;
    catalog.for_each(|entry| {
        let first = entry.representations().next();
        kept = first.map(|one| Content::new(entry.clone(), one.range()));
    });
    writer.apply(&delete("posts/a", 2), None);
    writer.forget_tombstones(at(2));
    assert_eq!(kept.unwrap().as_ref(), b"first");
}

#[test]
fn a_handle_is_one_pointer() {
    assert_eq!(size_of::<Entry>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Entry>>(), size_of::<usize>());
}

#[test]
fn an_entry_is_one_allocation_of_the_size_that_is_documented() {
    let check = |envelope: &Envelope, beside_key_and_octets: usize| {
        let (key, octets) = (envelope.key.as_str().len(), octets(envelope));
        // The buffer that is used again is there already.
        let mut scratch = Vec::with_capacity(8192);
        let mut entry = None;
        let counted = measure(|| entry = Some(Entry::of(envelope, &mut scratch)));
        assert_eq!(counted.count_total, 1, "{envelope:?}");
        // Rounded up to what its header is aligned to.
        let expected = (beside_key_and_octets + key + octets).next_multiple_of(8);
        assert_eq!(
            counted.bytes_current,
            i64::try_from(expected).unwrap(),
            "{envelope:?}"
        );
    };
    let plain = put("posts/a", 1, "0123456789");
    check(&plain, 40 + 1 + 16);
    check(&put_coded("posts/a", 1, &CODED), 40 + 1 + 2 * 21);
    check(&delete("posts/a", 1), 40 + 1);
    let expiring = Envelope {
        expires_at: Some(Timestamp(1_790_856_000_000_000)),
        ..plain
    };
    check(&expiring, 40 + 1 + 29 + 16);
}

fn octets(envelope: &Envelope) -> usize {
    match &envelope.change {
        Change::Put(representations) => representations.iter().map(|one| one.octets.len()).sum(),
        Change::Delete => 0,
    }
}

#[test]
fn an_applied_envelope_is_one_allocation() {
    let (_catalog, mut writer) = empty();
    let envelopes: Vec<_> = (1..=4)
        .map(|sequence| put("posts/a", sequence, "{}"))
        .collect();
    writer.apply(&envelopes[0], None);
    let counted = measure(|| {
        for envelope in &envelopes[1..] {
            writer.apply(envelope, None);
        }
        // Older, so refused: nothing more.
        writer.apply(&envelopes[0], None);
    });
    assert_eq!(counted.count_total, 3);
    assert_eq!(counted.bytes_current, 0, "what is replaced is given back");
}

#[test]
fn a_large_envelope_leaves_no_large_buffer() {
    let (_catalog, mut writer) = empty();
    let large = put_coded("posts/a", 1, &[(ContentCoding::Identity, 1024 * 1024)]);
    let gone = delete("posts/a", 2);
    let counted = measure(|| {
        writer.apply(&large, None);
        writer.apply(&gone, None);
    });
    assert!(counted.bytes_current < 128 * 1024, "{counted:?}");
}

#[test]
fn what_is_weighed_is_what_is_allocated() {
    let (catalog, mut writer) = empty();
    let documents = 60_000;
    let envelopes = (1..=documents).map(|sequence| {
        let body = Bytes::from_static(&[b'x'; 370]);
        let identity = Representation::of(ContentCoding::Identity, body);
        Envelope {
            key: ResourceKey::parse("posts", &format!("post-{sequence:07}")).unwrap(),
            ..envelope("posts/a", at(sequence), Change::Put(vec![identity]))
        }
    });
    let counted = measure(|| {
        for envelope in envelopes {
            writer.apply(&envelope, None);
        }
    });
    let allocated = u64::try_from(counted.bytes_current).unwrap();
    let weighed = catalog.bytes();
    assert!(
        weighed.abs_diff(allocated) * 100 <= 5 * allocated,
        "{weighed} weighed, {allocated} allocated"
    );
}

fn representation() -> impl Strategy<Value = Representation> {
    let coding = prop::sample::select(ContentCoding::ALL.to_vec());
    let octets = prop::collection::vec(any::<u8>(), 0..40);
    (coding, octets).prop_map(|(coding, octets)| Representation::of(coding, octets.into()))
}

proptest! {
    #[test]
    fn any_envelope_is_kept(
        key in "[a-z][a-z0-9_-]{0,63}/[a-z/é]{3,80}",
        version in 0..=NUMBER_MAX,
        expires_at in prop::option::of(any::<i64>().prop_map(Timestamp)),
        representations in prop::collection::vec(representation(), 1..=8),
    ) {
        check_kept(&Envelope {
            version: Version(version),
            expires_at,
            ..envelope(&key, at(1), Change::Put(representations))
        });
    }
}
