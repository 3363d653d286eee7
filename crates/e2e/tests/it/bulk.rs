//! `pressrun import` and `pressrun export` as processes, against `pressrun dev`.

use std::{
    ffi::OsString,
    fmt::Write,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{eventually, process::ServerProcess, proxy::Proxy};

use fleet::{binary, loopback};

const DOCUMENTS: u32 = 20_000;

/// A writer and a reader in one process, with a directory for files beside.
struct Site {
    listen: SocketAddr,
    admin: SocketAddr,
    /// Ends before its directory goes.
    _process: ServerProcess,
    directory: TempDir,
}

impl Site {
    async fn start() -> Self {
        let directory = TempDir::with_prefix("bulk-").expect("a temporary directory");
        let [listen, admin, reader, reader_admin] = [(); 4].map(|()| loopback());
        let arguments = [
            "dev".to_owned(),
            format!("--data-dir={}", directory.path().join("data").display()),
            format!("--writer-listen={listen}"),
            format!("--writer-admin-listen={admin}"),
            format!("--reader-listen={reader}"),
            format!("--reader-admin-listen={reader_admin}"),
            "--reader-threads=1".to_owned(),
        ];
        let program = [OsString::from(binary("pressrun"))].into_iter();
        let command: Vec<OsString> = program.chain(arguments.map(OsString::from)).collect();
        let pid_file = directory.path().join("dev.pid");
        let process = ServerProcess::start(&command, &pid_file, None).expect("a shell");
        let site = Self {
            listen,
            admin,
            _process: process,
            directory,
        };
        eventually("the site to be ready", async || {
            let answer = reqwest::get(format!("http://{admin}/readyz")).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        path
    }

    fn import(&self, file: &Path, arguments: &[&str]) -> Command {
        import_to(self.listen, file, arguments)
    }

    /// What an export writes to standard output.
    fn export(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(binary("pressrun"));
        let output = command
            .args(["export", "--url", &format!("http://{}", self.admin)])
            .args(arguments)
            .output()
            .expect("the binary runs");
        check_status(&output, 0);
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

fn import_to(listen: SocketAddr, file: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary("pressrun"));
    command
        .args(["import", "--url", &format!("http://{listen}")])
        .arg(file)
        .args(arguments);
    command
}

#[track_caller]
fn check_status(output: &Output, expected: i32) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(expected), "{said}");
}

/// Lines sorted as an export sorts them, with numbers that no double holds. Some expire.
fn lines(count: u32) -> String {
    let mut lines = String::new();
    for number in 0..count {
        let expires_at = match number % 10 {
            0 => r#""expires_at":"2100-01-01T00:00:00Z","#,
            1 => r#""expires_at":"2100-01-01T00:00:00.000001Z","#,
            _ => "",
        };
        writeln!(
            lines,
            r#"{{"id":"{number:06}",{expires_at}"body":{{"price":{number}.50,"huge":123456789012345678901{number},"name":"Größe {number}"}}}}"#
        )
        .expect("memory");
    }
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_killed_midway_goes_on_and_its_export_is_what_was_imported() {
    let site = Site::start().await;
    let imported = lines(DOCUMENTS);
    let file = site.file("lines.ndjson", &imported);
    let mark = site.path("lines.ndjson.pressrun-resume");
    let proxy = Proxy::start(site.listen).await;
    let import = |lines_per_request: &str| {
        let all = ["--collection", "things", "--resume", "--lines-per-request"];
        import_to(
            proxy.address(),
            &file,
            &[&all[..], &[lines_per_request]].concat(),
        )
    };
    // It never comes further than to half of the lines, however quick it is.
    proxy.hold_after(imported.len() / 2);
    let mut first = import("100")
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    eventually("the import to have begun", async || {
        mark.exists().then_some(())
    })
    .await;
    first.kill().expect("it runs");
    first.wait().expect("a child");
    proxy.release();

    let left: Value = serde_json::from_slice(&fs::read(&mark).expect("it was killed midway"))
        .expect("a mark is never half written");
    let done = left["mark"]["lines"].as_u64().expect("a number");
    assert!(done > 0 && done < DOCUMENTS.into(), "{left}");
    let stored = site.export(&["--collection", "things"]).lines().count();
    assert!(stored as u64 >= done && stored < DOCUMENTS as usize);

    let second = import("5000").output().expect("the binary runs");
    check_status(&second, 0);
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains(&format!("after line {done}")), "{said}");
    assert!(!mark.exists(), "a finished import leaves no mark");

    assert!(site.export(&["--collection", "things"]) == imported);
    // What was exported can be imported elsewhere, octet for octet.
    let all = site.export(&[]);
    let elsewhere = Site::start().await;
    let file = elsewhere.file("all.ndjson", &all);
    check_status(&elsewhere.import(&file, &[]).output().expect("it runs"), 0);
    assert!(elsewhere.export(&[]) == all);
    let path = elsewhere.path("exported");
    elsewhere.export(&[path.to_str().expect("UTF-8")]);
    assert!(fs::read_to_string(path).expect("it was written") == all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_lines_are_written_down_and_their_neighbours_stored() {
    let site = Site::start().await;
    let mut content = String::new();
    for number in 0..50 {
        writeln!(content, r#"{{"sku":{number},"n":{number}}}"#).expect("memory");
        content.push_str("\n{\"sku\":\"x\",\"a\":1,\"a\":2}\r\nnonsense\n");
    }
    content.push_str(&"x".repeat(3 << 20));
    let file = site.file("skus.jsonl", &content);
    let failed = site.path("failed.ndjson");
    let failed_arg = failed.to_str().expect("UTF-8");
    let options = ["--collection", "skus", "--id-field", "sku"];
    let arguments = [
        &options[..],
        &["--lines-per-request", "7", "--failed", failed_arg],
    ]
    .concat();
    let output = site.import(&file, &arguments).output().expect("it runs");
    check_status(&output, 1);

    let failed: Vec<Value> = fs::read_to_string(failed)
        .expect("it was written")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(failed.len(), 101);
    assert_eq!(failed[0]["line"], 3);
    assert_eq!(failed[0]["status"], 422);
    assert_eq!(failed[0]["text"], r#"{"sku":"x","a":1,"a":2}"#);
    assert_eq!(
        (&failed[1]["line"], &failed[1]["text"]),
        (&4.into(), &"nonsense".into())
    );
    assert_eq!(
        (&failed[100]["status"], &failed[100]["cut"]),
        (&413.into(), &true.into())
    );
    let stored = site.export(&["--collection", "skus"]);
    assert_eq!(stored.lines().count(), 50);
    assert!(stored.starts_with("{\"id\":\"0\",\"body\":{\"sku\":0,\"n\":0}}\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_go_on_ends_with_status_2() {
    let site = Site::start().await;
    let file = site.file("lines.ndjson", "{\"id\":\"a\",\"body\":{}}\n");
    let missing = site.path("missing");
    let output = site.import(&missing, &["--collection", "things"]).output();
    check_status(&output.expect("it runs"), 2);
    // The internal plane takes no import, and the public one gives no snapshot.
    let program = binary("pressrun");
    let admin = format!("http://{}", site.admin);
    let listen = format!("http://{}", site.listen);
    let run = |arguments: &[&str]| {
        let output = Command::new(&program).args(arguments).output();
        output.expect("it runs")
    };
    let file = file.to_str().expect("UTF-8");
    check_status(
        &run(&["import", file, "--collection", "a", "--url", &admin]),
        2,
    );
    check_status(&run(&["export", "--url", &listen]), 2);
}
