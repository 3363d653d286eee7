//! The servers that a reader is measured against.

use std::{fs, net::SocketAddr};

use service::process::BoxError;

use super::{
    sample::Sample,
    scenario::{POST, Role},
    settings,
};
use crate::stand::{Launcher, Node, find, loopback};

/// They run on the servers' core, and wait.
#[derive(Debug)]
pub(crate) struct Baselines(Vec<(Role, Node)>);

impl Baselines {
    /// Starts all of them; `HAProxy` where it is installed.
    ///
    /// # Errors
    /// A program is missing.
    pub(crate) async fn start(
        launcher: &Launcher,
        pin: &[String],
        sample: &Sample,
        reader: &Node,
        redis: &str,
    ) -> Result<Self, BoxError> {
        let nginx = nginx(launcher, pin, sample)?;
        let mut all = vec![
            (Role::Floor, floor(launcher, pin, sample)?),
            (Role::Varnish, varnish(launcher, pin, nginx.address)?),
            (Role::Nginx, nginx),
            (Role::Axum, framework(launcher, pin, "axum", redis)?),
            (Role::Hyper, framework(launcher, pin, "hyper", redis)?),
        ];
        if let Some(haproxy) = haproxy(launcher, pin, reader.address)? {
            all.push((Role::Haproxy, haproxy));
        }
        for (_, node) in &all {
            launcher.answers(&node.url(POST)).await;
        }
        Ok(Self(all))
    }

    /// The one in that role.
    pub(crate) fn node(&self, role: Role) -> Option<&Node> {
        let found = self.0.iter().find(|(one, _)| *one == role);
        found.map(|(_, node)| node)
    }
}

/// A floor that answers what the reader answers.
///
/// # Errors
/// It is not built.
pub(crate) fn floor(
    launcher: &Launcher,
    pin: &[String],
    sample: &Sample,
) -> Result<Node, BoxError> {
    let listen = loopback()?;
    let answer = launcher.directory().join("answer");
    fs::write(&answer, &sample.octets)?;
    let command = [
        launcher.binary("floor")?,
        listen.to_string(),
        answer.display().to_string(),
    ];
    launcher.launch(&[pin, &command].concat(), listen, None)
}

fn framework(
    launcher: &Launcher,
    pin: &[String],
    name: &str,
    redis: &str,
) -> Result<Node, BoxError> {
    let listen = loopback()?;
    let command = [
        launcher.binary("framework")?,
        name.to_owned(),
        listen.to_string(),
        redis.to_owned(),
    ];
    launcher.launch(&[pin, &command].concat(), listen, None)
}

fn nginx(launcher: &Launcher, pin: &[String], sample: &Sample) -> Result<Node, BoxError> {
    let nginx = installed("nginx")?;
    let listen = loopback()?;
    let directory = launcher.directory();
    let settings = settings::nginx(listen, directory, &sample.headers, &sample.content);
    let file = directory.join("nginx.conf");
    fs::write(&file, settings)?;
    // Where it would write before it has read that file.
    let command = [&nginx, "-e", "stderr", "-c", &file.display().to_string()];
    let command = command.map(str::to_owned);
    launcher.launch(&[pin, &command].concat(), listen, None)
}

/// One pool of threads; its store is memory; what it holds comes from nginx once.
fn varnish(launcher: &Launcher, pin: &[String], origin: SocketAddr) -> Result<Node, BoxError> {
    let varnishd = installed("varnishd")?;
    let listen = loopback()?;
    let directory = launcher.directory().join("varnish");
    let file = launcher.directory().join("varnish.vcl");
    fs::write(&file, settings::varnish(origin))?;
    let command = [
        &varnishd,
        "-F",
        "-j",
        "none",
        "-a",
        &listen.to_string(),
        "-f",
        &file.display().to_string(),
        "-n",
        &directory.display().to_string(),
        "-s",
        "malloc,64m",
        "-p",
        "thread_pools=1",
    ];
    let command = command.map(str::to_owned);
    launcher.launch(&[pin, &command].concat(), listen, None)
}

fn haproxy(
    launcher: &Launcher,
    pin: &[String],
    reader: SocketAddr,
) -> Result<Option<Node>, BoxError> {
    let Some(haproxy) = find("haproxy") else {
        return Ok(None);
    };
    let listen = loopback()?;
    let file = launcher.directory().join("haproxy.cfg");
    fs::write(&file, settings::haproxy(listen, reader))?;
    let command = [haproxy, "-f".to_owned(), file.display().to_string()];
    launcher
        .launch(&[pin, &command].concat(), listen, None)
        .map(Some)
}

fn installed(name: &str) -> Result<String, BoxError> {
    find(name).ok_or_else(|| format!("{name} is not installed: scripts/install-load-tools").into())
}
