//! The feed over a pub/sub connection of its own.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use redis::{Client, Msg};
use shared::codec::{decode_message, messages};

use super::deadline::{OPERATION_TIMEOUT, within};
use crate::{
    BusError, FeedEvent, Subscription,
    subscription::{self, Cut, FeedSender},
};

/// Subscribes on a new connection.
///
/// redis-rs reads such a connection eagerly into a queue without bound, never reconnects it, and
/// ends its stream once it is lost. The task started here empties that queue without ever waiting
/// for the follower, so what piles up does so in the subscription, which has bounds. It ends with
/// the connection or with the subscription, whichever goes first.
pub(super) async fn subscribe(client: &Client, feed: String) -> Result<Subscription, BusError> {
    let subscribing = async {
        let mut connection = client.get_async_pubsub().await?;
        // Waits for Redis' confirmation: from here on every message comes.
        connection.subscribe(feed).await?;
        Ok(connection.into_on_message())
    };
    let messages = within(OPERATION_TIMEOUT, "subscribing", subscribing).await?;
    let (sender, subscription) = subscription::channel();
    tokio::spawn(pump(messages, sender));
    Ok(subscription)
}

async fn pump(mut messages: impl Stream<Item = Msg> + Unpin, sender: FeedSender) {
    loop {
        let message = tokio::select! {
            message = messages.next() => message,
            () = sender.follower_gone() => return,
        };
        let Some(message) = message else {
            tracing::debug!("the feed's connection was lost");
            return;
        };
        // One copy, which the envelopes in it share: what a catalog keeps it copies itself.
        let octets = Bytes::copy_from_slice(message.get_payload_bytes());
        match send_all(&octets, &sender) {
            Ok(()) => {}
            Err(Cut::Gone) => return,
            Err(Cut::Overflow) => {
                tracing::warn!("the follower did not keep up: its subscription is cut off");
                return;
            }
        }
    }
}

/// Hands over every message that these octets are.
fn send_all(octets: &Bytes, sender: &FeedSender) -> Result<(), Cut> {
    for message in messages(octets) {
        let len = message.as_ref().map_or(0, Bytes::len);
        let decoded = message.and_then(|message| decode_message(&message));
        let event = decoded.map_or(FeedEvent::Undecodable, FeedEvent::Message);
        sender.send(event, len)?;
    }
    Ok(())
}
