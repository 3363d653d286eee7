//! One answer of the reader, which baselines imitate.

use reqwest::header::{ETAG, HeaderMap};
use service::process::BoxError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stand::Node;

/// One answer to the request that most scenarios make.
#[derive(Debug)]
pub(crate) struct Sample {
    /// The value of ETag.
    pub(crate) tag: String,
    pub(crate) headers: HeaderMap,
    pub(crate) content: String,
    /// The answer as it stood on the wire.
    pub(crate) octets: Vec<u8>,
}

impl Sample {
    /// # Errors
    /// The reader does not answer 200 with an entity tag.
    pub(crate) async fn take(
        http: &reqwest::Client,
        reader: &Node,
        target: &str,
    ) -> Result<Self, BoxError> {
        let answer = http.get(reader.url(target)).send().await?;
        let answer = answer.error_for_status()?;
        let headers = answer.headers().clone();
        let tag = headers.get(ETAG).ok_or("the reader sent no ETag")?;
        let mut stream = TcpStream::connect(reader.address).await?;
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            reader.address
        );
        stream.write_all(request.as_bytes()).await?;
        let mut octets = String::new();
        stream.read_to_string(&mut octets).await?;
        Ok(Self {
            tag: tag.to_str()?.to_owned(),
            headers,
            content: answer.text().await?,
            // Those that the floor answers are to stay.
            octets: without_close(&octets).into_bytes(),
        })
    }

    /// How many octets the content has.
    pub(crate) fn content_bytes(&self) -> usize {
        self.content.len()
    }
}

fn without_close(answer: &str) -> String {
    let lines = answer.split_inclusive("\r\n");
    lines
        .filter(|line| !line.eq_ignore_ascii_case("connection: close\r\n"))
        .collect()
}
