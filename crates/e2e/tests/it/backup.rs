//! `deploy/BACKUP.md`, followed to the letter: every command of it is run, by somebody who has a writer
//! and two readers.

mod dump;
mod point_in_time;

use serde_json::json;
use testkit::eventually;

use fleet::{Fleet, Node};

use crate::{
    executed::{Document, Shell},
    truth::{Truth, known},
};

const FILE: &str = "deploy/BACKUP.md";

/// Sections with commands, all of which the tests here run.
const SECTIONS: &[&str] = &[
    "Back up: a dump",
    "Restore a dump",
    "Back up: to a point in time",
    "Restore to a point in time",
    "Take the fleet along",
    "The way back",
];

#[test]
fn every_section_with_commands_is_followed() {
    assert_eq!(Document::read(FILE).sections(), SECTIONS);
}

/// A writer that can be stopped and started, and readers that run on.
struct Site {
    fleet: Fleet,
    /// `None` while writers are stopped.
    writer: Option<Node>,
    /// Where it is each time.
    writer_planes: [std::net::SocketAddr; 2],
    readers: [Node; 2],
}

impl Site {
    async fn start(fleet: Fleet) -> Self {
        let writer = fleet.writer("writer-1").await;
        let readers = [fleet.reader("reader-1"), fleet.reader("reader-2")];
        for reader in &readers {
            fleet.ready(reader).await;
        }
        Self {
            writer_planes: [writer.listen, writer.admin],
            writer: Some(writer),
            readers,
            fleet,
        }
    }

    /// Writes a document, and gives its position.
    async fn put(&self, collection: &str, id: &str, content: &str) -> String {
        let url = format!("http://{}/v1/{collection}/{id}", self.writer_planes[0]);
        let request = self
            .fleet
            .http
            .put(url)
            .json(&json!({ "content": content }));
        let answer = request.send().await.expect("the writer answers");
        assert!(answer.status().is_success(), "{}", answer.status());
        let position = &answer.headers()["pressrun-position"];
        position.to_str().expect("visible ASCII").to_owned()
    }

    async fn delete(&self, collection: &str, id: &str) {
        let url = format!("http://{}/v1/{collection}/{id}", self.writer_planes[0]);
        let answer = self.fleet.http.delete(url).send().await;
        assert_eq!(answer.expect("the writer answers").status(), 204);
    }

    /// The status of a read that asks for a position.
    async fn read(&self, reader: &Node, path: &str, position: Option<&str>) -> u16 {
        let url = format!("http://{}/v1/{path}", reader.listen);
        let mut request = self.fleet.http.get(url);
        if let Some(position) = position {
            request = request.header("pressrun-at-least", position);
        }
        let (status, ..) = known(request).await;
        status.as_u16()
    }

    /// Ends the writer, as a deployment would.
    fn stop_writers(&mut self) {
        drop(self.writer.take());
    }

    /// Starts it again with another database.
    async fn start_writers(&mut self, database_url: &str) {
        self.fleet.use_database(database_url);
        let [listen, admin] = self.writer_planes;
        let redis = self.fleet.redis.url();
        let writer = self.fleet.writer_at("writer-1", &redis, listen, admin);
        self.fleet.ready(&writer).await;
        self.writer = Some(writer);
    }

    /// What the database holds, which both readers serve.
    async fn truth(&self) -> Truth {
        let truth = Truth::read(&self.fleet).await;
        for reader in &self.readers {
            truth.check_reader(&self.fleet, reader).await;
        }
        truth
    }

    /// Waits until both readers are registered: they are the ones that are verified.
    async fn registered(&self) {
        let writer = self.writer.as_ref().expect("it runs");
        eventually("both readers are registered", async || {
            let status = self.fleet.status(writer).await?;
            (status["readers"].as_array()?.len() == 2).then_some(())
        })
        .await;
    }

    /// Runs the runbook's `pressrun verify`.
    async fn verify(&self, shell: &Shell, block: &str) {
        self.registered().await;
        let verified = shell.run(block).await;
        for reader in ["reader-1", "reader-2"] {
            let line = format!("{reader} holds what the database does");
            assert!(verified.said.contains(&line), "{}", verified.said);
        }
    }
}
