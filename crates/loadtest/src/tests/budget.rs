//! Tests of what is read off callgrind and strace, and of how it is judged.

use std::fs;

use crate::budget::{
    callgrind,
    limits::{Costs, Counted, Limits},
    strace,
};

#[test]
fn callgrind_tells_instructions_and_calls_by_name() {
    let text = "thread: 3\nevents: Ir\nsummary: 900\nfn=(below main)\n10 5\ncfn=malloc\n\
                calls=12 0 \n11 300\ncfn=free\ncalls=40 0 \n12 4\ncfn=realloc\ncalls=3 0\ntotals: 1234\n";
    let (number, thread) = callgrind::parse(text).unwrap();
    assert_eq!(number, 3);
    assert_eq!((thread.instructions, thread.allocations), (1234, 15));
    assert_eq!(callgrind::parse("thread: 3\nevents: Ir\n"), None);
}

#[test]
fn strace_tells_calls_by_name() {
    let table = "    calls syscall\n--------- ----------------\n      640 recvfrom\n      640 writev\n\
                 \x20      12 epoll_wait\n--------- ----------------\n     1292 total\n";
    let calls = strace::parse(table).unwrap();
    assert_eq!(calls.count(strace::is_wait), 12);
    assert_eq!(calls.count(|name| !strace::is_wait(name)), 1280);
    assert_eq!(strace::parse("strace: Process 1 detached"), None);
}

#[test]
fn a_cost_above_its_budget_fails() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("budget.toml");
    let costs = "instructions = 100.0\nallocations = 0\nsystem_calls = 2.0\nwaits = 1.0\n";
    let text = format!("[hot_get]\n{costs}[gateway_get]\n{costs}");
    fs::write(&file, &text).unwrap();
    let limits = Limits::read(&file).unwrap();
    let within = Costs {
        instructions: 100.0,
        allocations: 0.0,
        system_calls: 2.0,
        waits: 0.1,
    };
    let both = |hot_get, gateway_get| Counted {
        hot_get,
        gateway_get,
    };
    assert!(limits.check(&both(within, within)).is_ok());
    let over = Costs {
        instructions: 100.5,
        allocations: 0.1,
        ..within
    };
    for (counted, of) in [
        (both(over, within), "hot GET"),
        (both(within, over), "gateway's GET"),
    ] {
        let error = limits.check(&counted).unwrap_err().to_string();
        let expected = format!("over budget: instructions of a {of}, allocations of a {of}");
        assert_eq!(error, expected);
        let row = format!("| {of} | instructions | 100.50 | 100.00 | **over** |");
        assert!(limits.table(&counted).contains(&row));
    }
    fs::write(&file, text.replace("waits", "wait")).unwrap();
    assert!(Limits::read(&file).is_err());
}

#[test]
fn the_committed_budget_can_be_read() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../loadtest/budget.toml");
    Limits::read(file.as_ref()).unwrap();
}
