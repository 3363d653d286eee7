//! Batches of messages.

use bytes::Bytes;
use proptest::prelude::*;

use super::samples;
use crate::codec::{
    BATCH_BYTES, DecodeError, LENGTH_BYTES, decode_message, encode_batch, encode_length,
    encode_notice, messages,
};

/// A batch of these messages, as scripts on the bus put it together.
pub(super) fn batch(of: &[&[u8]]) -> Bytes {
    let mut batch = encode_batch().to_vec();
    for message in of {
        batch.extend_from_slice(&encode_length(message.len()));
        batch.extend_from_slice(message);
    }
    batch.into()
}

fn all(octets: &Bytes) -> Vec<Result<Bytes, DecodeError>> {
    messages(octets).collect()
}

#[test]
fn batch_gives_its_messages_in_order() {
    let (delivery, notice) = (samples::delivery(), encode_notice(&samples::slot()));
    let octets = batch(&[&delivery, &notice, &delivery]);
    let notice = Bytes::copy_from_slice(&notice);
    assert_eq!(
        all(&octets),
        [Ok(delivery.clone()), Ok(notice), Ok(delivery)]
    );
    assert_eq!(all(&batch(&[])), []);
}

#[test]
fn anything_else_is_one_message() {
    for octets in [
        samples::delivery(),
        Bytes::new(),
        Bytes::from_static(b"PRS"),
    ] {
        assert_eq!(all(&octets), [Ok(octets.clone())]);
    }
}

#[test]
fn batch_cut_short_gives_what_is_whole_and_then_an_error() {
    let delivery = samples::delivery();
    let octets = batch(&[&delivery, &delivery]);
    let one = BATCH_BYTES + LENGTH_BYTES + delivery.len();
    for len in 4..octets.len() {
        let given = all(&octets.slice(..len));
        let whole = usize::from(one <= len);
        let is_cut = len != BATCH_BYTES && len != one;
        assert_eq!(given.len(), whole + usize::from(is_cut), "{len} octets");
        assert!(given[..whole].iter().all(Result::is_ok), "{len} octets");
        if is_cut {
            assert_eq!(given[whole], Err(DecodeError::Truncated), "{len} octets");
        }
    }
}

#[test]
fn newer_format_is_named_and_an_older_one_than_the_first_refused() {
    let mut octets = batch(&[&samples::delivery()]).to_vec();
    octets[4] = 2;
    assert_eq!(all(&octets.clone().into()), [Err(DecodeError::Format(2))]);
    octets[4] = 0;
    assert_eq!(all(&octets.into()), [Err(DecodeError::Invalid("format"))]);
}

#[test]
fn batches_do_not_nest() {
    let inner = batch(&[&samples::delivery()]);
    let given = all(&batch(&[&inner]));
    let message = given[0].clone().unwrap();
    assert_eq!(decode_message(&message), Err(DecodeError::Magic));
}

proptest! {
    #[test]
    fn arbitrary_octets_never_panic(rest in prop::collection::vec(any::<u8>(), 0..256)) {
        let octets: Bytes = [&encode_batch()[..], &rest].concat().into();
        let given = all(&octets);
        let octets: usize = given.iter().flatten().map(|one| one.len() + LENGTH_BYTES).sum();
        prop_assert!(octets <= rest.len());
    }
}
