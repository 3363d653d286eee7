//! Where Redis is, as a URL says it. A function of its text: nothing is looked up.
//!
//! URLs of one server are the library's. Those of several hosts are split into one such URL for each,
//! so that users, passwords and hosts are read alike everywhere.

use redis::{ConnectionInfo, IntoConnectionInfo, io::tcp::TcpSettings};

/// Hosts that a URL names, at most.
const HOSTS_MAX: usize = 16;

/// Where sentinels listen, unless a URL says otherwise.
const SENTINEL_PORT: u16 = 26_379;

/// How the server to talk to is found.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    /// It is always the same.
    Server(ConnectionInfo),
    /// Sentinels know.
    Sentinels {
        /// Any of them may be away.
        sentinels: Vec<ConnectionInfo>,
        /// What they call the server.
        service: String,
        /// How to talk to it: all but its host and port, which are those of the first sentinel.
        server: ConnectionInfo,
    },
    /// Any node of a Cluster knows.
    Cluster(Vec<ConnectionInfo>),
}

impl Address {
    /// The schemes of the URLs that [`Self::parse`] reads, without `://`.
    pub(crate) const SCHEMES: &[&str] = &[
        "redis",
        "rediss",
        "redis+unix",
        "unix",
        "redis+sentinel",
        "rediss+sentinel",
        "redis+cluster",
        "rediss+cluster",
    ];

    /// # Errors
    /// What is wrong with the URL, as the end of a sentence that begins with it, and without any
    /// part of it: it may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        match scheme.to_ascii_lowercase().as_str() {
            "redis+sentinel" => sentinels("redis", rest),
            "rediss+sentinel" => sentinels("rediss", rest),
            "redis+cluster" => cluster("redis", rest),
            "rediss+cluster" => cluster("rediss", rest),
            _ => server(url).map(Self::Server),
        }
    }

    /// Every server that is named, and one more where others are learned of.
    pub(crate) fn named(&self) -> impl Iterator<Item = &ConnectionInfo> {
        let (several, one) = match self {
            Self::Server(server) => (&[][..], Some(server)),
            Self::Sentinels {
                sentinels, server, ..
            } => (&sentinels[..], Some(server)),
            Self::Cluster(nodes) => (&nodes[..], None),
        };
        several.iter().chain(one)
    }
}

fn server(url: &str) -> Result<ConnectionInfo, String> {
    let info = url.into_connection_info().map_err(|error| {
        // A detail may be a part of the URL.
        let cause = error.detail().is_none().then(|| format!(": {error}"));
        format!("is not a URL of Redis{}", cause.unwrap_or_default())
    })?;
    // The library leaves Nagle's algorithm on: it would hold the last part of a batch back until
    // the parts before are acknowledged.
    Ok(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

fn sentinels(scheme: &str, rest: &str) -> Result<Address, String> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, hosts, path) = parts(rest)?;
    let (service, database) = path.split_once('/').unwrap_or((path, ""));
    // What Sentinel itself allows.
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"_.-".contains(&octet);
    if service.is_empty() || !service.bytes().all(is_plain) {
        return Err("does not name a service of a-z, A-Z, 0-9, _, . and - behind its hosts".into());
    }
    let sentinel_user = sentinel_user(query)?;
    let sentinels: Vec<ConnectionInfo> = hosts
        .iter()
        .map(|host| server(&format!("{scheme}://{sentinel_user}{}", with_port(host))))
        .collect::<Result<_, _>>()?;
    Ok(Address::Sentinels {
        sentinels,
        service: service.to_owned(),
        server: server(&format!("{scheme}://{user}{}/{database}", hosts[0]))?,
    })
}

fn cluster(scheme: &str, rest: &str) -> Result<Address, String> {
    let (user, hosts, path) = parts(rest)?;
    if !path.is_empty() {
        return Err("has something behind its hosts: a Cluster has one database".into());
    }
    let nodes = hosts
        .iter()
        .map(|host| server(&format!("{scheme}://{user}{host}")));
    Ok(Address::Cluster(nodes.collect::<Result<_, _>>()?))
}

/// What stands before the hosts, its `@` included; the hosts; what stands behind their `/`.
fn parts(rest: &str) -> Result<(&str, Vec<&str>, &str), String> {
    if rest.contains(['?', '#']) {
        return Err("has a query or a fragment that it may not have".into());
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let begin = authority.rfind('@').map_or(0, |at| at + 1);
    let (user, hosts) = authority.split_at(begin);
    let hosts: Vec<&str> = hosts.split(',').collect();
    if hosts.len() > HOSTS_MAX || hosts.iter().any(|host| host.is_empty()) {
        return Err(format!("does not name 1 to {HOSTS_MAX} hosts"));
    }
    Ok((user, hosts, path.trim_end_matches('/')))
}

/// Who we are to sentinels, as it stands before a host.
fn sentinel_user(query: &str) -> Result<String, String> {
    let (mut user, mut password) = ("", None);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some(("sentinel_user", value)) => user = value,
            Some(("sentinel_password", value)) => password = Some(value),
            _ => {
                return Err("has parameters other than sentinel_user and sentinel_password".into());
            }
        }
    }
    let is_coded = |text: &str| !text.contains(['/', '@', ':']);
    match password {
        Some(password) if is_coded(user) && is_coded(password) => Ok(format!("{user}:{password}@")),
        None if user.is_empty() => Ok(String::new()),
        Some(_) => Err("has \"/\", \"@\" or \":\" in its query without percent-encoding".into()),
        None => Err("has sentinel_user without sentinel_password".into()),
    }
}

fn with_port(host: &str) -> String {
    let name_end = host.rfind(']').map_or(0, |end| end + 1);
    if host[name_end..].contains(':') {
        host.to_owned()
    } else {
        format!("{host}:{SENTINEL_PORT}")
    }
}
