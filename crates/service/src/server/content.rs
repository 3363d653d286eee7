//! The bodies between hyper and the service, which tell the meter where they are.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::meter::Meter;

/// A request's content.
#[derive(Debug)]
pub(super) struct RequestContent {
    incoming: Incoming,
    /// Its end was told.
    has_ended: bool,
    meter: Arc<Meter>,
}

impl RequestContent {
    pub(super) fn new(incoming: Incoming, meter: Arc<Meter>) -> Self {
        Self {
            incoming,
            has_ended: false,
            meter,
        }
    }
}

impl Body for RequestContent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.incoming).poll_frame(cx);
        if frame.is_pending() {
            self.meter.on_content_awaited();
        } else {
            self.meter.on_content();
        }
        self.has_ended |= matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestContent {
    fn drop(&mut self) {
        // Who waited for it waits no longer.
        self.meter.on_content();
        if !self.has_ended && !self.incoming.is_end_stream() {
            self.meter.on_content_left();
        }
    }
}

/// A response's content. hyper drops it once it has all of it.
#[derive(Debug)]
pub(super) struct ResponseContent<B> {
    inner: B,
    meter: Arc<Meter>,
}

impl<B> ResponseContent<B> {
    pub(super) fn new(inner: B, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }
}

impl<B: Body + Unpin> Body for ResponseContent<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Drop for ResponseContent<B> {
    fn drop(&mut self) {
        self.meter.on_response_taken();
    }
}
