//! The feed over a pub/sub connection of its own.

use std::pin::pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::unfold};
use redis::{AsyncConnectionConfig, Client, Msg, PushInfo, PushKind, RedisResult};
use shared::codec::{decode_message, messages};
use tokio::sync::mpsc::unbounded_channel;

use super::{
    deadline::{OPERATION_TIMEOUT, within},
    master::Master,
};
use crate::{
    BusError, FeedEvent, Subscription,
    subscription::{self, Cut, FeedSender},
};

/// Subscribing, for errors.
const SUBSCRIBING: &str = "subscribing";

/// Subscribes on a new connection to the master of this moment.
///
/// redis-rs reads such a connection eagerly into a queue without bound, never reconnects it, and
/// ends its stream once it is lost. The task started here empties that queue without ever waiting
/// for the follower, so what piles up does so in the subscription, which has bounds. It ends with
/// the connection or with the subscription, whichever goes first.
pub(super) async fn subscribe(master: &Master, feed: String) -> Result<Subscription, BusError> {
    let (sender, subscription) = subscription::channel();
    if master.is_sharded() {
        let client = master.find_client_in_resp3().await?;
        let messages = within(OPERATION_TIMEOUT, SUBSCRIBING, sharded(client, feed)).await?;
        tokio::spawn(pump(messages, sender));
    } else {
        let client = master.find_client().await?;
        let messages = within(OPERATION_TIMEOUT, SUBSCRIBING, plain(client, feed)).await?;
        tokio::spawn(pump(messages, sender));
    }
    Ok(subscription)
}

async fn plain(client: Client, feed: String) -> RedisResult<impl Stream<Item = Msg>> {
    let mut connection = client.get_async_pubsub().await?;
    // Waits for Redis' confirmation: from here on every message comes.
    connection.subscribe(feed).await?;
    Ok(connection.into_on_message())
}

/// In a Cluster. The library subscribes so only with its client for Clusters; on a connection in
/// RESP3 it hands over whatever the server pushes.
async fn sharded(client: Client, feed: String) -> RedisResult<impl Stream<Item = Msg>> {
    let (sender, pushed) = unbounded_channel();
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_push_sender(sender);
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    let mut subscribe = redis::cmd("SSUBSCRIBE");
    subscribe.arg(feed).exec_async(&mut connection).await?;
    // The connection lives as long as somebody holds it.
    let messages = unfold((pushed, connection), async |(mut pushed, connection)| {
        loop {
            let push: PushInfo = pushed.recv().await?;
            match push.kind {
                PushKind::SMessage => {
                    let message = Msg::from_push_info(push)?;
                    return Some((message, (pushed, connection)));
                }
                // The slot went to another node, or the connection is lost.
                PushKind::SUnsubscribe | PushKind::Disconnection => return None,
                _ => {}
            }
        }
    });
    Ok(messages)
}

async fn pump(messages: impl Stream<Item = Msg>, sender: FeedSender) {
    let mut messages = pin!(messages);
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
