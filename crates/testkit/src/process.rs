//! Server processes that do not outlive the test binary.

use std::{
    ffi::OsString,
    fs::File,
    io,
    net::TcpListener,
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::wait::DEADLINE;

/// Starts `"$@"`, leaves its pid in `$PID_FILE`, and ends it once standard input closes: the
/// kernel closes it when the test binary ends, even by SIGKILL.
///
/// QUIT ends PostgreSQL as a crash would, and lets it free its shared memory, which outlives
/// processes; TERM ends Redis, which inherits QUIT as ignored. KILL is for those that hear neither.
/// Signals to the whole process group, as from a terminal, must not keep the watchdog from its work.
const WATCHDOG: &str = r#"
trap : INT TERM HUP
"$@" </dev/null & server=$!
echo "$server" > "$PID_FILE.new" && mv "$PID_FILE.new" "$PID_FILE"
read -r _
kill -CONT "$server" 2>/dev/null; kill -QUIT "$server" 2>/dev/null; kill -TERM "$server" 2>/dev/null
(sleep 3; kill -KILL "$server" 2>/dev/null) & killer=$!
wait "$server"; status=$?
kill "$killer"
[ -z "$REMOVE" ] || rm -rf "$REMOVE"
exit "$status"
"#;

/// Between two looks at a process.
const LOOK_PAUSE: Duration = Duration::from_millis(1);

/// A server process. Dropping it ends the server.
#[derive(Debug)]
pub struct ServerProcess {
    watchdog: Child,
    /// Held open for as long as the server is to run.
    keep_running: Option<ChildStdin>,
    pid_file: PathBuf,
}

impl ServerProcess {
    /// Starts `command` (program, then arguments) with its output in `<pid_file>.log`.
    /// `remove_directory` is deleted after the server's end.
    ///
    /// # Errors
    /// The shell cannot be started, or the pid file of an earlier server cannot be removed.
    pub fn start(
        command: &[OsString],
        pid_file: &Path,
        remove_directory: Option<&Path>,
    ) -> io::Result<Self> {
        // Whoever asks for the pid before the shell has written it must not get that of another.
        match std::fs::remove_file(pid_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let log = File::create(pid_file.with_extension("log"))?;
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .args(command)
            .env("PID_FILE", pid_file)
            .env("REMOVE", remove_directory.unwrap_or_else(|| Path::new("")))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Self {
            keep_running: watchdog.stdin.take(),
            watchdog,
            pid_file: pid_file.to_owned(),
        })
    }

    /// The server's own pid, once the watchdog has started it.
    pub fn pid(&self) -> Option<u32> {
        let text = std::fs::read_to_string(&self.pid_file).ok()?;
        text.trim().parse().ok()
    }

    /// Sends a signal, e.g. `"STOP"`, `"CONT"` or `"KILL"`. After `"STOP"` and `"KILL"` the process has
    /// stopped or ended, with all of its threads: on a busy machine that may take a while, and what it
    /// did meanwhile would come after what the test does next.
    ///
    /// # Errors
    /// There is no such process, `kill` cannot be run, or the process does not heed it.
    pub fn signal(&self, signal: &str) -> io::Result<()> {
        let pid = self.started_pid()?;
        let status = Command::new("kill")
            .args([format!("-{signal}"), pid.to_string()])
            .status()?;
        if !status.success() {
            return Err(io::Error::other(format!("kill -{signal} {pid}: {status}")));
        }
        match signal {
            "STOP" => wait_for(|| threads_are(pid, &STOPPED)),
            "KILL" => wait_for(|| threads_are(pid, &ENDED)),
            _ => Ok(()),
        }
    }

    /// As [`Self::pid`], once the watchdog has written it.
    fn started_pid(&self) -> io::Result<u32> {
        wait_for(|| self.pid().is_some())?;
        self.pid().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The exit status of a server that has ended by itself; 128 and the signal's number where one
    /// ended it. One that still runs is ended first.
    ///
    /// # Errors
    /// The watchdog cannot be waited for.
    pub fn status(mut self) -> io::Result<Option<i32>> {
        drop(self.keep_running.take());
        Ok(self.watchdog.wait()?.code())
    }

    /// What the server has written so far, e.g. for messages about failed starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.pid_file.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.keep_running.take());
        if let Err(error) = self.watchdog.wait() {
            panic_unless_panicking(&error);
        }
    }
}

/// Letters by which Linux tells of threads that do nothing more for now; `Z` and `X`: ever.
const STOPPED: [char; 4] = ['T', 't', 'Z', 'X'];
const ENDED: [char; 2] = ['Z', 'X'];

/// Whether all threads of a process are in one of these states. Those that are gone are in any.
fn threads_are(pid: u32, states: &[char]) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let mut stats = threads.filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        // Behind the program's name, which is in parentheses and may have any character in it.
        stat.rsplit_once(") ")?.1.chars().next()
    });
    stats.all(|state| states.contains(&state))
}

/// Looks again and again.
#[expect(clippy::disallowed_methods, reason = "a level, and a deadline")]
fn wait_for(mut is: impl FnMut() -> bool) -> io::Result<()> {
    let deadline = Instant::now() + DEADLINE;
    while !is() {
        if deadline <= Instant::now() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(LOOK_PAUSE);
    }
    Ok(())
}

fn panic_unless_panicking(error: &io::Error) {
    assert!(
        thread::panicking(),
        "a test server's watchdog could not be waited for: {error}"
    );
}

/// Ports that servers of tests listen on: below those that Linux gives to clients and to port 0, so
/// that a server that was stopped finds its own port free when it comes back.
const PORTS: Range<u16> = 10_000..32_000;

/// A TCP port on loopback that was free a moment ago.
///
/// Another process may take it before its server binds it, so starters try again with another one.
/// This process gets no port twice, so no test meets the server of another behind the address of
/// one that it has stopped.
///
/// # Errors
/// No port is free.
pub fn free_port() -> io::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes beside this one begin elsewhere.
    let count = PORTS.end - PORTS.start;
    let first = std::process::id().wrapping_mul(7919) % u32::from(count);
    let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..count {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = u16::try_from((first + step) % u32::from(count)).unwrap_or(0);
        let port = PORTS.start + offset;
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_listener) => return Ok(port),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// The path of a program, searched in `PATH` and then in `directories`.
///
/// # Panics
/// It is not there; the message names the command that installs it.
pub fn find_program(name: &str, directories: &[PathBuf], install: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(directories.iter().cloned())
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed: {install}"))
}
