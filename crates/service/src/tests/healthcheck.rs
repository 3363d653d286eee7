use std::{
    collections::HashMap,
    ffi::OsString,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use crate::{
    config::{ConfigExit, Program, Setting},
    healthcheck::{Unready, ask, intercept, target},
};

const PROGRAM: Program = Program {
    name: "reader",
    version: "1.2.3",
    about: "For tests",
    tables: &[&[
        Setting::new("READER_ADMIN_LISTEN", Some("127.0.0.1:9181"), "Admin plane"),
        Setting::secret("REDIS_URL", "Has no default, and is not needed to ask"),
    ]],
};

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(100);

/// Takes one connection and does this with it.
fn serve(answer: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || answer(listener.accept().unwrap().0));
    address
}

/// Reads the request's head, then writes this.
fn answering(text: &'static str) -> SocketAddr {
    serve(move |mut stream| {
        let mut head = Vec::new();
        let mut octet = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut octet).unwrap();
            head.extend(octet);
        }
        assert!(head.starts_with(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:"));
        stream.write_all(text.as_bytes()).unwrap();
    })
}

fn unready(address: SocketAddr, patience: Duration) -> String {
    ask(address, patience).unwrap_err().to_string()
}

#[test]
fn only_200_means_ready() {
    ask(answering("HTTP/1.1 200 OK\r\n"), PATIENCE).unwrap();
    for (answer, line) in [
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            "HTTP/1.1 503 Service Unavailable",
        ),
        ("HTTP/1.1 2000 OK\r\n", "HTTP/1.1 2000 OK"),
        ("SSH-2.0-something\r\n", "SSH-2.0-something"),
    ] {
        let found = unready(answering(answer), PATIENCE);
        assert_eq!(found, format!("not ready: {line}"));
    }
}

#[test]
fn a_line_without_end_is_not_read_to_its_end() {
    let endless = serve(|mut stream| while stream.write_all(&[b'x'; 64]).is_ok() {});
    let found = ask(endless, PATIENCE).unwrap_err();
    assert!(matches!(found, Unready::Answered(line) if line.len() == 128));
}

#[test]
fn a_broken_answer_is_no_answer() {
    let found = unready(answering("HTTP/1.1 20"), PATIENCE);
    assert!(found.starts_with("no answer: "), "{found}");
}

#[test]
fn nobody_there_is_no_answer() {
    // Bound, so that nobody else gets the port, and not listening.
    let deaf = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    deaf.bind(&any.into()).unwrap();
    let address = deaf.local_addr().unwrap().as_socket().unwrap();
    let found = unready(address, PATIENCE);
    assert!(found.starts_with("no answer: "), "{found}");
}

#[test]
fn silence_ends_at_the_deadline() {
    // Held, so that the kernel takes the connection and nobody answers.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let found = ask(listener.local_addr().unwrap(), SHORT);
    assert!(matches!(found, Err(Unready::Silent(_))), "{found:?}");
}

#[test]
fn a_dripping_answer_does_not_stretch_the_deadline() {
    let dripping = serve(|mut stream| {
        // Waits for what never comes, so each octet goes out a moment after the one before.
        stream.set_read_timeout(Some(SHORT / 4)).unwrap();
        let mut never = [0; 1024];
        while stream.write_all(b"x").is_ok() {
            drop(stream.read(&mut never));
        }
    });
    let found = ask(dripping, SHORT);
    assert!(matches!(found, Err(Unready::Silent(_))), "{found:?}");
}

fn find(arguments: &[&str], admin_listen: Option<&str>) -> Result<String, ConfigExit> {
    let arguments = ["reader"].iter().chain(arguments).map(OsString::from);
    let environment: HashMap<String, String> = admin_listen
        .map(|value| ("READER_ADMIN_LISTEN".to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    let found = target(
        &PROGRAM,
        "READER_ADMIN_LISTEN",
        arguments.collect(),
        &environment,
    );
    found.map(|address| address.to_string())
}

#[test]
fn the_admin_plane_is_found_in_the_programs_own_settings() {
    for (arguments, variable, address) in [
        (&[][..], None, "127.0.0.1:9181"),
        (&[], Some("10.1.2.3:99"), "10.1.2.3:99"),
        (&[], Some("0.0.0.0:99"), "127.0.0.1:99"),
        (&[], Some("[::]:99"), "[::1]:99"),
        (&["--redis-url", "redis://there"], None, "127.0.0.1:9181"),
        (
            &["--reader-admin-listen=127.0.0.1:7"],
            Some("0.0.0.0:99"),
            "127.0.0.1:7",
        ),
    ] {
        let found = find(arguments, variable);
        assert_eq!(found.as_deref(), Ok(address), "{arguments:?} {variable:?}");
    }
}

#[test]
fn settings_that_cannot_be_used_end_with_64() {
    for variable in ["127.0.0.1:0", "somewhere"] {
        let exit = find(&[], Some(variable)).unwrap_err();
        assert_eq!(exit.code(), 64, "{exit}");
        assert!(exit.text().starts_with("READER_ADMIN_LISTEN: "), "{exit}");
    }
    assert_eq!(find(&["--stray"], None).unwrap_err().code(), 64);
}

#[test]
fn only_the_first_argument_asks_for_it() {
    let none: HashMap<String, String> = HashMap::new();
    for arguments in [
        &["reader"][..],
        &["reader", "--redis-url", "healthcheck"],
        &[],
    ] {
        let arguments = arguments.iter().map(OsString::from);
        let code = intercept(&PROGRAM, "READER_ADMIN_LISTEN", arguments, &none);
        assert!(code.is_none());
    }
}
