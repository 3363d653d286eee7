//! The socket below hyper: counts what passes, and holds back what hyper says by itself.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{meter::Meter, prefixed::Prefixed};

/// Octets of a status line up to its code: `HTTP/1.1 431`.
const STATUS_LINE_BYTES: usize = 12;

/// hyper answers requests that it cannot parse by itself, without content. While no response is
/// owed, what it writes is such an answer: it is held back, and the connection's driver sends a
/// problem of the same status instead. It also never shuts the socket down: the driver does, once
/// it knows how.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) stream: Prefixed,
    meter: Arc<Meter>,
    held_back: Vec<u8>,
}

impl Socket {
    pub(super) fn new(stream: Prefixed, meter: Arc<Meter>) -> Self {
        Self {
            stream,
            meter,
            held_back: Vec::new(),
        }
    }

    /// The status of the answer that was held back.
    pub(super) fn held_back_status(&self) -> Option<u16> {
        let line = str::from_utf8(&self.held_back).ok()?;
        line.rsplit(' ').next()?.parse().ok()
    }

    fn hold_back(&mut self, octets: &[u8]) {
        let room = STATUS_LINE_BYTES.saturating_sub(self.held_back.len());
        let kept = &octets[..octets.len().min(room)];
        self.held_back.extend_from_slice(kept);
    }

    fn on_written(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.meter.on_blocked(),
            Poll::Ready(Ok(octets)) => self.meter.on_sent(*octets),
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = &read {
            self.meter.on_received(buf.filled().len() - before);
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.meter.is_before_service() {
            self.hold_back(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.on_written(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.meter.is_before_service() {
            for octets in bufs {
                self.hold_back(octets);
            }
            return Poll::Ready(Ok(bufs.iter().map(|one| one.len()).sum()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.on_written(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TCP streams have nothing to flush; hyper comes here once its own buffer is empty.
        self.meter.on_flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
