//! Representations: which there are, what they decode to.

use std::{num::NonZeroUsize, sync::Arc};

use async_compression::tokio::bufread::{BrotliDecoder, ZstdDecoder};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures_util::FutureExt;
use proptest::prelude::*;
use shared::{
    Change, ContentCoding, EntityTag, Envelope, Epoch, Link, Position, Representation, ResourceKey,
    Sequence, Timestamp, Version, codec, limits::BODY_BYTES_MAX,
};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::render::{CODED_BYTES_MIN, Codings, Renderer, render};

fn repetitive(len: usize) -> Bytes {
    Bytes::from(vec![b'a'; len])
}

/// Octets that no coding makes smaller.
fn random(len: usize) -> Bytes {
    let mut octets = vec![0; len];
    fastrand::Rng::with_seed(7).fill(&mut octets);
    octets.into()
}

fn codings(representations: &[Representation]) -> Vec<ContentCoding> {
    representations.iter().map(|one| one.coding).collect()
}

fn decoded(one: &Representation) -> Vec<u8> {
    let octets = &one.octets[..];
    match one.coding {
        ContentCoding::Identity => octets.to_vec(),
        ContentCoding::Gzip => {
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut MultiGzDecoder::new(octets), &mut content).unwrap();
            content
        }
        ContentCoding::Brotli => read_all(BrotliDecoder::new(octets)),
        ContentCoding::Zstd => read_all(ZstdDecoder::new(octets)),
    }
}

fn read_all(mut decoder: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut content = Vec::new();
    let read = decoder.read_to_end(&mut content).now_or_never();
    read.unwrap().unwrap();
    content
}

#[test]
fn identity_is_always_there_and_first() {
    for body in [repetitive(2), repetitive(4096), random(4096)] {
        for set in [Codings::NONE, Codings::ALL] {
            let representations = render(&body, set);
            assert_eq!(representations[0].coding, ContentCoding::Identity);
            assert_eq!(representations[0].octets, body);
        }
    }
}

#[test]
fn small_bodies_are_not_coded() {
    let below = render(&repetitive(CODED_BYTES_MIN - 1), Codings::ALL);
    assert_eq!(codings(&below), [ContentCoding::Identity]);
    let at = render(&repetitive(CODED_BYTES_MIN), Codings::ALL);
    assert_eq!(codings(&at), ContentCoding::ALL);
}

#[test]
fn codings_that_save_less_than_a_tenth_are_left_out() {
    // Zeros among random octets: about as much is saved as there are zeros.
    let mixed = |zeros: usize| {
        let mut octets = random(10_000).to_vec();
        octets[..zeros].fill(0);
        Bytes::from(octets)
    };
    assert_eq!(
        codings(&render(&mixed(900), Codings::ALL)),
        [ContentCoding::Identity]
    );
    assert_eq!(
        codings(&render(&mixed(1_100), Codings::ALL)),
        ContentCoding::ALL
    );
}

#[test]
fn each_tag_names_its_own_octets() {
    let representations = render(&repetitive(4096), Codings::ALL);
    for one in &representations {
        assert_eq!(one.tag, EntityTag::of(&one.octets));
    }
    let tags: Vec<_> = representations.iter().map(|one| one.tag).collect();
    assert!((1..tags.len()).all(|index| !tags[..index].contains(&tags[index])));
}

#[test]
fn the_zstd_window_is_one_that_browsers_accept() {
    for len in [CODED_BYTES_MIN, 100_000, BODY_BYTES_MAX] {
        let representations = render(&repetitive(len), "zstd".parse().unwrap());
        let frame = &representations[1].octets;
        assert_eq!(frame[..4], [0x28, 0xb5, 0x2f, 0xfd], "RFC 8878 §3.1.1");
        // RFC 8878 §3.1.1.1.2: a window descriptor follows unless the segment is single.
        let is_single_segment = frame[4] & 0b0010_0000 != 0;
        assert!(!is_single_segment);
        let window_log = 10 + u32::from(frame[5] >> 3);
        assert!(
            window_log < 23,
            "RFC 9659 §3: at most 8 MiB, not 2^{window_log}"
        );
    }
}

#[test]
fn the_largest_body_fits_an_envelope_in_all_codings() {
    // Hexadecimal digits: every coding saves a good half.
    let digits: Vec<u8> = random(BODY_BYTES_MAX)
        .iter()
        .map(|octet| b"0123456789abcdef"[usize::from(octet & 15)])
        .collect();
    let representations = render(&digits.into(), Codings::ALL);
    assert_eq!(representations.len(), ContentCoding::ALL.len());
    let envelope = Envelope {
        position: Position::new(Epoch(1), Sequence(1)),
        prev_link: Link::ZERO,
        link: Link(1),
        version: Version(1),
        updated_at: Timestamp(0),
        expires_at: None,
        key: ResourceKey::parse("a", "b").unwrap(),
        change: Change::Put(representations),
        extensions: Vec::new(),
    };
    codec::encode(&envelope).unwrap();
}

#[test]
fn codings_are_parsed_in_any_order_and_case() {
    let check = |text: &str, expected: &str| {
        assert_eq!(text.parse::<Codings>().unwrap().to_string(), expected);
    };
    check("br,gzip,zstd", "gzip,br,zstd");
    check(" ZSTD , br,br,", "br,zstd");
    check("identity", "");
    check("", "");
    let error = "br,deflate".parse::<Codings>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"deflate\" is no content coding; br, gzip and zstd are"
    );
}

#[tokio::test]
async fn the_renderer_uses_no_more_threads_than_it_may() {
    let renderer = Renderer::new(Codings::ALL, NonZeroUsize::MIN);
    let (entered, mut began) = tokio::sync::mpsc::unbounded_channel();
    let gate = Arc::new(std::sync::Barrier::new(2));
    let first = tokio::spawn({
        let (renderer, gate, entered) = (renderer.clone(), Arc::clone(&gate), entered.clone());
        async move {
            let work = move || {
                entered.send("first").unwrap();
                gate.wait();
            };
            renderer.run(work).await;
        }
    });
    assert_eq!(began.recv().await, Some("first"));
    let mut second = Box::pin(renderer.run(move || entered.send("second").unwrap()));
    assert!((&mut second).now_or_never().is_none());
    assert!(began.try_recv().is_err(), "the only thread is taken");
    gate.wait();
    second.await;
    first.await.unwrap();
    assert_eq!(began.recv().await, Some("second"));
}

#[tokio::test]
async fn a_panic_in_the_work_reaches_who_waits_and_frees_the_thread() {
    let renderer = Renderer::new(Codings::NONE, NonZeroUsize::MIN);
    let failing = renderer.clone();
    let failed = tokio::spawn(async move { failing.run(|| panic!("expected in this test")).await });
    assert!(failed.await.unwrap_err().is_panic());
    assert_eq!(renderer.run(|| 1).await, 1);
}

#[tokio::test]
async fn only_what_is_compressed_changes_threads() {
    let renderer = Renderer::new(Codings::ALL, NonZeroUsize::MIN);
    let here = std::thread::current().id();
    let thread = || std::thread::current().id();
    assert_eq!(renderer.press(CODED_BYTES_MIN - 1, thread).await, here);
    assert_ne!(renderer.press(CODED_BYTES_MIN, thread).await, here);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn every_representation_decodes_to_the_body(
        text in "[a-c]{0,40}",
        times in 1_usize..200,
    ) {
        let body = Bytes::from(text.repeat(times));
        let representations = render(&body, Codings::ALL);
        for one in &representations {
            prop_assert_eq!(decoded(one), &body[..]);
        }
        prop_assert_eq!(render(&body, Codings::ALL), representations);
    }
}
