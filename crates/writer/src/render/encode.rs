//! One body in one content coding.
//!
//! The encoders are asynchronous but write into memory, which never waits: one poll finishes
//! them, so no runtime is needed.

use std::io;

use async_compression::{
    Level, brotli,
    tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder},
    zstd::CParameter,
};
use bytes::Bytes;
use futures_util::FutureExt;
use shared::{ContentCoding, limits::BODY_BYTES_MAX};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// See the table in the parent module.
const BROTLI_QUALITY: i32 = 5;
const GZIP_LEVEL: i32 = 6;
const ZSTD_LEVEL: i32 = 6;

/// The window of brotli and zstd, as a power of two: 1 MiB, the largest body. RFC 9659 allows
/// zstd 8 MiB. Smaller windows would cost more time, not less: below 2^17 brotli changes to a
/// search that takes thirty times as long.
const WINDOW_LOG: u8 = 20;
const _: () = assert!(1 << WINDOW_LOG == BODY_BYTES_MAX);

/// The body in this coding; `None` for identity, and if an encoder fails, which none does over
/// memory.
pub(super) fn encode(coding: ContentCoding, body: &[u8]) -> Option<Bytes> {
    let octets = match coding {
        ContentCoding::Identity => return None,
        ContentCoding::Gzip => {
            let level = Level::Precise(GZIP_LEVEL);
            let mut encoder = GzipEncoder::with_quality(Vec::new(), level);
            drive(&mut encoder, body)?;
            encoder.into_inner()
        }
        ContentCoding::Brotli => {
            let params = brotli::EncoderParams::default()
                .quality(Level::Precise(BROTLI_QUALITY))
                .window_size(WINDOW_LOG.into());
            let mut encoder = BrotliEncoder::with_params(Vec::new(), params);
            drive(&mut encoder, body)?;
            encoder.into_inner()
        }
        ContentCoding::Zstd => {
            let level = Level::Precise(ZSTD_LEVEL);
            let params = [CParameter::window_log(WINDOW_LOG.into())];
            let mut encoder = ZstdEncoder::with_quality_and_params(Vec::new(), level, &params);
            drive(&mut encoder, body)?;
            encoder.into_inner()
        }
    };
    // Copied so that no spare capacity lives as long as the representation.
    Some(Bytes::from(octets.into_boxed_slice()))
}

fn drive(encoder: &mut (impl AsyncWrite + Unpin), body: &[u8]) -> Option<()> {
    let writing = async {
        encoder.write_all(body).await?;
        encoder.shutdown().await?;
        io::Result::Ok(())
    };
    let result = writing.now_or_never();
    debug_assert!(
        matches!(result, Some(Ok(()))),
        "memory never waits or fails"
    );
    result?.ok()
}
