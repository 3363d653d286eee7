//! Received messages into the catalog, by one thread, with no Redis.

use std::time::{Duration, Instant};

use bus::{Build, Meta};
use bytes::Bytes;
use reader::{
    catalog::{CatalogConfig, CatalogWriter, catalog},
    replica::{Effect, Input, Replica, Sources, Timing},
};
use shared::{
    Delivery, Epoch, FeedMessage, Link, Sequence,
    codec::{SLOT_BYTES, decode, decode_message, encode_slot},
};
use testkit::builders::{EPOCH, link};

use super::{
    distribution::rate,
    stage::{change, position},
};

/// Messages applied.
const CHANGES: u64 = 400_000;

/// Documents that they change.
const DOCUMENTS: u64 = 100_000;

/// The feed's suite, first part.
pub(super) fn measure() -> String {
    let messages = messages();
    let into_catalog = envelopes_into_catalog(&messages);
    let through_machine = messages_through_machine(&messages);
    format!(
        "### Apply

{CHANGES} changes of {DOCUMENTS} documents, by one thread, with no Redis.

| | rate |
|---|---|
| envelopes decoded and applied to the catalog | {} |
| messages decoded, through the state machine, applied to the catalog | {} |
",
        rate(CHANGES, into_catalog),
        rate(CHANGES, through_machine),
    )
}

fn messages() -> Vec<Bytes> {
    (1..=CHANGES)
        .map(|number| {
            let change = change(number, number * 7919 % DOCUMENTS);
            let mut message = encode_slot(&change.slot).to_vec();
            message.extend_from_slice(&change.envelope);
            Bytes::from(message)
        })
        .collect()
}

fn envelopes_into_catalog(messages: &[Bytes]) -> Duration {
    let (_catalog, mut writer) = catalog(CatalogConfig { bytes_max: None });
    let begun = Instant::now();
    for message in messages {
        if let Ok(envelope) = decode(&message.slice(SLOT_BYTES..)) {
            writer.apply(&envelope, None);
        }
    }
    begun.elapsed()
}

fn messages_through_machine(messages: &[Bytes]) -> Duration {
    let (readers, mut writer) = catalog(CatalogConfig { bytes_max: None });
    let mut machine = hydrated(&mut writer);
    let begun = Instant::now();
    let mut effects = Vec::new();
    for message in messages {
        if let Ok(FeedMessage::Delivery(delivery)) = decode_message(message) {
            step(&mut machine, delivery, &mut effects, begun);
            carry_out(&mut effects, &mut writer);
        }
    }
    let took = begun.elapsed();
    assert_eq!(machine.position(), Some(position(CHANGES)));
    assert_eq!(readers.documents(), DOCUMENTS);
    took
}

fn step(machine: &mut Replica, delivery: Delivery, effects: &mut Vec<Effect>, begun: Instant) {
    machine.step(begun.elapsed(), Input::Delivery(delivery), effects);
}

/// A machine that follows from an empty snapshot.
fn hydrated(writer: &mut CatalogWriter) -> Replica {
    let meta = Meta {
        epoch: Epoch(EPOCH.0),
        term: 1,
        build: Build(1),
        buckets: 1,
        built: 0,
        complete: true,
        published_through: Sequence(0),
        log_from: Sequence(0),
        tip: Link(link(0).0),
    };
    let (mut machine, _connect) =
        Replica::start("feed".to_owned(), Sources::Bus, Timing::DEFAULT, 1);
    let mut effects = Vec::new();
    machine.step(Duration::ZERO, Input::Subscribed, &mut effects);
    let attempt = effects.iter().find_map(|effect| match effect {
        Effect::Hydrate(attempt, ..) => Some(*attempt),
        _ => None,
    });
    let attempt = attempt.expect("a machine that holds nothing hydrates");
    for input in [
        Input::SnapshotBegin(attempt, Some(meta)),
        Input::SnapshotEnd(attempt, Some(meta)),
    ] {
        machine.step(Duration::ZERO, input, &mut effects);
        carry_out(&mut effects, writer);
    }
    machine
}

fn carry_out(effects: &mut Vec<Effect>, writer: &mut CatalogWriter) {
    for effect in effects.drain(..) {
        if let Effect::Apply(envelope, seen_by) = effect {
            writer.apply(&envelope, seen_by);
        }
    }
}
