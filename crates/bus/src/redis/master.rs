//! Which server to talk to now: asked anew for every connection, and kept by nobody.
//!
//! Connections are few and live long, and each is made because there was none or the last one was
//! lost, which is when the answer may have changed. All that are asked are asked at once: one that is
//! away without saying so would otherwise cost the time of all behind it. An answer is believed only
//! once the server named has said itself that it is the one.
//!
//! The library has a client for sentinels and one for Clusters. Here neither is used: this file
//! serves the commands' connection, subscriptions and hydrations alike, of which the library knows
//! only the first; and its client for Clusters reconnects, repeats and subscribes again by itself,
//! where a follower must learn of each gap.

use std::{future::Future, sync::Arc};

use futures_util::{StreamExt, stream::FuturesUnordered};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue,
    ProtocolVersion, RedisError, ServerErrorKind, TlsCertificates, Value,
};

use super::{
    address::Address,
    deadline::{CONNECT_TIMEOUT, failed, within},
    tls,
};
use crate::BusError;

/// Finding it, for errors.
const FINDING: &str = "finding the master of Redis";

/// How often a Cluster may send us on: a node that was told lately knows, or none does yet.
const MOVES_MAX: usize = 4;

/// Finds the server to talk to, and makes clients of it.
pub(super) struct Master {
    address: Address,
    /// A key of ours. All are in one slot of a Cluster.
    key: String,
    /// Authorities to be believed in place of the system's, PEM.
    ca: Option<Vec<u8>>,
    /// For connections that the library does not make.
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl Master {
    /// `ca`: authorities to be believed in place of the system's, PEM; over TLS only.
    pub(super) fn open(url: &str, ca: Option<&[u8]>, key: String) -> Result<Self, BusError> {
        let address = Address::parse(url)
            .map_err(|complaint| BusError::Unsuitable(format!("the URL of Redis {complaint}")))?;
        let is_tls = address
            .named()
            .any(|info| matches!(info.addr(), ConnectionAddr::TcpTls { .. }));
        let tls = is_tls.then(|| tls::config(ca)).transpose();
        let master = Self {
            address,
            key,
            ca: ca.map(<[u8]>::to_vec),
            tls: tls.map_err(failed("preparing TLS to Redis"))?,
        };
        for info in master.address.named() {
            master
                .client(info.clone())
                .map_err(failed("parsing the URL of Redis"))?;
        }
        Ok(master)
    }

    /// For connections that the library does not make.
    pub(super) fn tls(&self) -> Option<Arc<rustls::ClientConfig>> {
        self.tls.clone()
    }

    /// Whether the server is a node of a Cluster, where plain messages go to every node and sharded
    /// ones to those that serve the slot.
    pub(super) fn is_sharded(&self) -> bool {
        matches!(self.address, Address::Cluster(_))
    }

    /// The server to talk to now.
    ///
    /// # Errors
    /// Nobody knows, or what is known is not so: a failover may be under way.
    pub(super) async fn find(&self) -> Result<ConnectionInfo, BusError> {
        let asking = async {
            match &self.address {
                Address::Server(server) => Ok(server.clone()),
                Address::Sentinels {
                    sentinels,
                    service,
                    server,
                } => {
                    first(sentinels, |sentinel| {
                        self.ask_sentinel(sentinel, service, server)
                    })
                    .await
                }
                Address::Cluster(nodes) => first(nodes, |node| self.ask_node(node)).await,
            }
        };
        within(CONNECT_TIMEOUT, FINDING, asking).await
    }

    /// A client of the server to talk to now.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub(super) async fn find_client(&self) -> Result<Client, BusError> {
        let info = self.find().await?;
        self.client(info).map_err(failed(FINDING))
    }

    /// As [`Self::find_client`], to be spoken to in RESP3.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub(super) async fn find_client_in_resp3(&self) -> Result<Client, BusError> {
        let info = self.find().await?;
        let settings = info.redis_settings().clone();
        let info = info.set_redis_settings(settings.set_protocol(ProtocolVersion::RESP3));
        self.client(info).map_err(failed(FINDING))
    }

    /// Asks who the master is, and that one whether it is.
    async fn ask_sentinel(
        &self,
        sentinel: &ConnectionInfo,
        service: &str,
        server: &ConnectionInfo,
    ) -> Result<ConnectionInfo, RedisError> {
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("get-master-addr-by-name").arg(service);
        let told: Option<(String, u16)> = self.ask(sentinel, &ask).await?;
        let (host, port) = told.ok_or((
            ErrorKind::MasterNameNotFoundBySentinel,
            "a sentinel does not know the service",
        ))?;
        let master = at(server, host, port);
        let role: Vec<Value> = self.ask(&master, &redis::cmd("ROLE")).await?;
        if role.first() == Some(&Value::BulkString(b"master".into())) {
            return Ok(master);
        }
        Err((
            ServerErrorKind::ReadOnly.into(),
            "what a sentinel calls the master says that it is none",
        )
            .into())
    }

    /// Asks for a key of ours: the master of its slot answers, and every other node tells who it is.
    async fn ask_node(&self, node: &ConnectionInfo) -> Result<ConnectionInfo, RedisError> {
        let mut ask = redis::cmd("EXISTS");
        ask.arg(&self.key);
        let mut asked = node.clone();
        let mut moves = 0;
        loop {
            let Err(error) = self.ask::<u64>(&asked, &ask).await else {
                return Ok(asked);
            };
            let is_moved = error.kind() == ErrorKind::Server(ServerErrorKind::Moved);
            let Some((host, port)) = error
                .redirect_node()
                .filter(|_| is_moved && moves < MOVES_MAX)
                .and_then(|(node, _slot)| node.rsplit_once(':'))
            else {
                return Err(error);
            };
            let port = port
                .parse()
                .or(Err((ErrorKind::Parse, "a node sends us to no port")))?;
            // A node that does not know its own name leaves it out.
            let host = match (host, asked.addr()) {
                ("", ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) => host,
                _ => host,
            };
            asked = at(&asked, host.to_owned(), port);
            moves += 1;
        }
    }

    /// Asks one thing, on a connection of its own.
    async fn ask<T: FromRedisValue>(
        &self,
        server: &ConnectionInfo,
        command: &Cmd,
    ) -> Result<T, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None);
        let mut connection = self
            .client(server.clone())?
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        command.query_async(&mut connection).await
    }

    fn client(&self, info: ConnectionInfo) -> Result<Client, RedisError> {
        match &self.ca {
            None => Client::open(info),
            Some(ca) => Client::build_with_tls(
                info,
                TlsCertificates {
                    client_tls: None,
                    root_cert: Some(ca.clone()),
                },
            ),
        }
    }
}

/// Asks all of them at once; the first answer, or the last error where there is none.
async fn first<'a, Asking>(
    servers: &'a [ConnectionInfo],
    ask: impl Fn(&'a ConnectionInfo) -> Asking,
) -> Result<ConnectionInfo, RedisError>
where
    Asking: Future<Output = Result<ConnectionInfo, RedisError>>,
{
    let mut asking: FuturesUnordered<Asking> = servers.iter().map(ask).collect();
    let mut failed = RedisError::from((ErrorKind::InvalidClientConfig, "there is nobody to ask"));
    while let Some(answer) = asking.next().await {
        match answer {
            Ok(master) => return Ok(master),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// How to talk to a server of the same deployment that listens here.
fn at(sibling: &ConnectionInfo, host: String, port: u16) -> ConnectionInfo {
    let address = match sibling.addr() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    sibling.clone().set_addr(address)
}
