use std::{io, time::Duration};

use socket2::{Domain, Socket, Type};
use testkit::eventually;
use tokio::time::timeout;

use super::{LIMITS, PATIENCE};
use crate::{Lifecycle, ReusePort, Server, bind, server::accept::is_of_the_connection};

#[test]
fn only_what_ails_one_connection_is_tried_again_at_once() {
    // Linux: EMFILE, ENFILE, ENOBUFS, ENOMEM, EINVAL; ECONNABORTED, EINTR, ECONNRESET.
    for (code, at_once) in [
        (24, false),
        (23, false),
        (105, false),
        (12, false),
        (22, false),
        (103, true),
        (4, true),
        (104, true),
    ] {
        let error = io::Error::from_raw_os_error(code);
        assert_eq!(is_of_the_connection(&error), at_once, "{error}");
    }
}

#[tokio::test]
async fn failing_accepts_are_tried_again_and_do_not_hinder_the_end() {
    // A socket that does not listen: accept fails each time.
    let deaf = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    deaf.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(deaf.into()).unwrap();
    let lifecycle = Lifecycle::new(Duration::ZERO, PATIENCE);
    let server = Server::new(LIMITS, lifecycle.clone());
    let counters = server.counters();
    let served = tokio::spawn(server.serve(listener, axum::Router::new()));
    eventually("it is tried again", async || {
        (counters.accept_errors.get() >= 2).then_some(())
    })
    .await;
    lifecycle.close();
    timeout(PATIENCE, served).await.unwrap().unwrap();
}

#[test]
fn an_address_is_shared_only_by_agreement() {
    let any = ([127, 0, 0, 1], 0).into();
    let first = bind(any, ReusePort::Yes).unwrap();
    let address = first.local_addr().unwrap();
    let second = bind(address, ReusePort::Yes).unwrap();
    assert_eq!(second.local_addr().unwrap(), address);
    let refused = bind(address, ReusePort::No).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    // Eager: clients wait in the backlog before anybody accepts.
    std::net::TcpStream::connect(address).unwrap();
}
