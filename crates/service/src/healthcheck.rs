//! `PROGRAM healthcheck`: asks the process that runs here whether it is ready, for container
//! engines, whose images have no other HTTP client.
//!
//! It takes the same flags and environment as the program itself, finds the admin plane in them,
//! and asks its `/readyz`. The exit status is 0 for ready, 1 for anything else, and 64 where the
//! settings cannot be used. It says whether requests should be sent here, not whether a restart
//! would help: a writer whose database is away is not ready. What restarts processes asks `/livez`.

use std::{
    ffi::OsString,
    fmt,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::{Duration, Instant},
};

use crate::config::{ConfigExit, Environment, Program, Settings};

/// Upper bound on the whole check. Container engines end theirs later, and less clearly.
const DEADLINE: Duration = Duration::from_secs(2);

/// Upper bound on what is read of a status line: enough for any status and its reason.
const STATUS_LINE_BYTES_MAX: usize = 128;

/// Does the check where the first argument asks for it; `None` where the program is to run.
///
/// `admin_listen` names the setting that holds the admin plane's address.
pub fn intercept(
    program: &Program,
    admin_listen: &str,
    arguments: impl IntoIterator<Item = OsString>,
    environment: &impl Environment,
) -> Option<ExitCode> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_none_or(|first| first != "healthcheck") {
        return None;
    }
    arguments.remove(1);
    let address = match target(program, admin_listen, arguments, environment) {
        Ok(address) => address,
        Err(exit) => return Some(exit.report()),
    };
    let (text, code) = match ask(address, DEADLINE) {
        Ok(()) => ("ready".to_owned(), ExitCode::SUCCESS),
        Err(unready) => (unready.to_string(), ExitCode::FAILURE),
    };
    // For people who look; the status is what counts.
    drop(writeln!(io::stdout(), "{address}: {text}"));
    Some(code)
}

/// Where the admin plane can be reached from its own machine.
pub(crate) fn target(
    program: &Program,
    admin_listen: &str,
    arguments: Vec<OsString>,
    environment: &impl Environment,
) -> Result<SocketAddr, ConfigExit> {
    let mut settings = Settings::gather(program, arguments, environment)?;
    let listen = settings.address(admin_listen).and_then(|listen| {
        if listen.port() == 0 {
            Err(settings.reject(
                admin_listen,
                "port 0 lets the system choose: nobody can ask",
            ))
        } else {
            Ok(SocketAddr::new(reachable(listen.ip()), listen.port()))
        }
    });
    settings.finish(|| listen)
}

/// A process that listens on every address is asked on loopback.
fn reachable(listen: IpAddr) -> IpAddr {
    match listen {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// Why a process does not count as ready.
#[derive(Debug)]
pub(crate) enum Unready {
    /// It did not answer in time, or at all.
    Silent(io::Error),
    /// It answered otherwise; this is the status line.
    Answered(String),
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(error) => write!(f, "no answer: {error}"),
            Self::Answered(line) => write!(f, "not ready: {line}"),
        }
    }
}

/// Asks `/readyz`, for at most `patience` in all.
pub(crate) fn ask(address: SocketAddr, patience: Duration) -> Result<(), Unready> {
    let line = status_line(address, Instant::now() + patience).map_err(Unready::Silent)?;
    if line.starts_with("HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(Unready::Answered(line))
    }
}

fn status_line(address: SocketAddr, deadline: Instant) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, remaining(deadline)?)?;
    stream.set_write_timeout(Some(remaining(deadline)?))?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut line = Vec::with_capacity(STATUS_LINE_BYTES_MAX);
    let mut octet = [0];
    while line.len() < STATUS_LINE_BYTES_MAX && !line.ends_with(b"\r\n") {
        // Anew each time: an answer that drips must not stretch the deadline.
        stream.set_read_timeout(Some(remaining(deadline)?))?;
        stream.read_exact(&mut octet)?;
        line.extend(octet);
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// The time left; an error once there is none, since a socket's time limit cannot be zero.
fn remaining(deadline: Instant) -> io::Result<Duration> {
    match deadline.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(io::ErrorKind::TimedOut.into()),
    }
}
