//! Octets of every released format, which decode for ever.
//!
//! Files under `golden/` are never edited. A new format adds a folder, a new sample adds a file:
//! `GOLDEN=write cargo test -p shared golden` writes those that are missing, and no other.

use std::{fs, io::Write, path::PathBuf};

use bytes::Bytes;

use super::{batch::batch, samples};
use crate::{Delivery, Envelope, FeedMessage, codec};

/// The octets of a golden file, which is written from `current` first if it is missing and that
/// was asked for.
#[track_caller]
fn golden(name: &str, current: &[u8]) -> Bytes {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/tests/golden/v1")
        .join(name);
    if std::env::var_os("GOLDEN").is_some_and(|word| word == "write") && !path.exists() {
        let mut file = fs::File::create_new(&path).unwrap();
        file.write_all(current).unwrap();
    }
    fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; see this file's head", path.display()))
        .into()
}

#[track_caller]
fn check_envelope(name: &str, sample: &Envelope) {
    let encoded = codec::encode(sample).unwrap();
    let octets = golden(name, &encoded);
    assert_eq!(
        codec::decode(&octets).as_ref(),
        Ok(sample),
        "{name} decodes to something else"
    );
    assert_eq!(encoded, octets, "{name} is encoded in another way");
}

#[track_caller]
fn check_message(name: &str, sample: &FeedMessage, encoded: &[u8]) {
    let octets = golden(name, encoded);
    assert_eq!(
        codec::decode_message(&octets).as_ref(),
        Ok(sample),
        "{name}"
    );
    assert_eq!(encoded, octets, "{name} is encoded in another way");
}

#[test]
fn golden_envelopes_are_read_and_written_as_ever() {
    check_envelope("put.bin", &samples::put());
    check_envelope("put_expires_at.bin", &samples::put_that_expires());
    check_envelope("put_extensions.bin", &samples::put_with_extensions());
    check_envelope("delete.bin", &samples::delete());
}

#[test]
fn golden_messages_are_read_and_written_as_ever() {
    let delivery = FeedMessage::Delivery(Delivery {
        slot: samples::slot(),
        envelope: Ok(samples::put()),
    });
    check_message("delivery.bin", &delivery, &samples::delivery());
    let notice = codec::encode_notice(&samples::slot());
    check_message("notice.bin", &FeedMessage::Notice(samples::slot()), &notice);
    let heartbeat = codec::encode_heartbeat(&samples::heartbeat());
    check_message(
        "heartbeat.bin",
        &FeedMessage::Heartbeat(samples::heartbeat()),
        &heartbeat,
    );
}

#[test]
fn golden_batch_is_read_and_written_as_ever() {
    let (delivery, notice) = (samples::delivery(), codec::encode_notice(&samples::slot()));
    let current = batch(&[&delivery, &notice]);
    let octets = golden("batch.bin", &current);
    assert_eq!(current, octets, "it is encoded in another way");
    let messages: Vec<Bytes> = codec::messages(&octets).map(Result::unwrap).collect();
    assert_eq!(messages, [delivery, Bytes::copy_from_slice(&notice)]);
}

#[test]
fn the_sequence_lies_where_scripts_look_for_it() {
    let frame = codec::encode(&samples::put()).unwrap();
    let sequence = &frame[codec::SEQUENCE_OFFSET..codec::SEQUENCE_OFFSET + 8];
    assert_eq!(sequence, 42_u64.to_be_bytes());
}
